/** What the capture child and whoever starts it agree on. */

/** Bytes kept of a packet: heads of requests with their cookies fit, as a rule. */
export const CUT = 2_048;
/** Exit status: the binding of libpcap is not there, or does not load. */
export const UNLOADED = 4;
