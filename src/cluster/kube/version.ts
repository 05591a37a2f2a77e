/**
 * Whether a state of an object is newer than the one known. resourceVersions are numbers that grow, of any length, as
 * far as the API keeps to them (KEP-5504); where it does not, what comes later is taken for newer.
 */
export function isNewer(version: string, known: string): boolean {
  if (version === known) return version === '';
  if (!DIGITS.test(version) || !DIGITS.test(known)) return true;
  return version.length === known.length ? version > known : version.length > known.length;
}

const DIGITS = /^[1-9]\d*$/;
