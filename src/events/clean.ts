/**
 * Text from the network, the kernel or a recording, made fit for a terminal and a file: control, format and
 * bidirectional characters (Unicode Cc, Cf, Zl, Zp, unpaired surrogates) become '·', and it is cut to `limit`
 * UTF-16 units.
 */
export function clean(text: string, limit: number): string {
  const bounded = text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
  return bounded.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '·');
}
