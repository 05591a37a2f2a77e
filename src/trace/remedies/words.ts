/** Short words for remedies, the same wherever they are told. */
import type { Responsible, WhatIf } from '../request.ts';

/** `Service default/web spec.externalTrafficPolicy: Cluster`. */
export function responsibleWords({ object, field, value }: Responsible): string {
  if (field === undefined) return object;
  return value === undefined ? `${object} ${field}` : `${object} ${field}: ${value}`;
}

/** What would become of this request, in a word. */
export function outcomeWord({ outcome, clientIp }: WhatIf): string {
  if (outcome === 'delivered') return clientIp === 'lost' ? 'delivered, lost' : 'delivered, preserved';
  return outcome;
}
