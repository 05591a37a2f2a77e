/** What a request would meet after a change, in the one shape in which it is told. */
import type { WhatIf } from '../request.ts';

/** @param servers `ip:port`, any of which it may be */
export const wouldReach = (
  servers: readonly string[],
  clientIp: 'preserved' | 'lost',
  text: string,
): WhatIf => ({
  computed: true,
  outcome: 'delivered',
  clientIp,
  ...(servers.length > 0 && { servers: [...servers] }),
  text,
});

export const wouldDrop = (text: string): WhatIf => ({ computed: true, outcome: 'dropped', text });

/** @param text what is not known */
export const cannotTell = (text: string): WhatIf => ({ computed: true, outcome: 'unknown', text });
