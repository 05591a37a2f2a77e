/**
 * The head of a message, as far as it tells who asked whom for what. Decoded where it is captured: bodies, cookies,
 * credentials and (unless asked for) query strings end there, so that no event and no recording ever holds them.
 * Texts are cleaned and cut (`clean.ts`).
 */
import type { Tuple } from './tuple.ts';
import type { NetnsId } from './event.ts';

/** What a header says of who asked, as it stands there; several lines of one header are one list (RFC 9110, 5.3). */
export interface CarriedAddress {
  readonly kind: 'x-forwarded-for' | 'x-real-ip' | 'forwarded';
  /**
   * The addresses named, first to last; `Forwarded` (RFC 7239): its for= values. Not checked: hostile hands wrote
   * them. Of more than 64 the last ones are kept, behind a `…`: those nearest the server stand there.
   */
  readonly values: readonly string[];
}

export interface HttpRequestHead {
  readonly what: 'http-request';
  /** Absent where the request line was cut before it. */
  readonly version?: '1.0' | '1.1';
  readonly method: string;
  /**
   * The target without its query, unless queries are kept, and without userinfo. Absolute targets keep their scheme
   * and host. Ends in `…` where it was cut.
   */
  readonly path: string;
  /** The Host header, or the authority of an absolute target, which outweighs it (RFC 9112, 3.2.2). */
  readonly host?: string;
  readonly carried: readonly CarriedAddress[];
  /** X-Request-Id; without one X-Correlation-Id, or the root of X-Amzn-Trace-Id. */
  readonly requestId?: string;
  /** The trace id of `traceparent` (W3C Trace Context), 32 hex digits. */
  readonly traceId?: string;
  /** Content-Length; absent where there is none or the body is chunked. */
  readonly bodyBytes?: number;
  /** The protocol that the connection is asked to become. */
  readonly upgrade?: string;
  /** The end of the head was captured too: what is absent was not there. */
  readonly complete: boolean;
}

export interface HttpResponseHead {
  readonly what: 'http-response';
  readonly version: '1.0' | '1.1';
  /** Interim answers (1xx) too. */
  readonly status: number;
  readonly requestId?: string;
  readonly complete: boolean;
}

/** PROXY protocol, version 1 or 2, sent before anything else on a connection. */
export interface ProxyHead {
  readonly what: 'proxy-header';
  readonly version: 1 | 2;
  /** `local`: the proxy's own connection (health checks); it names nobody. `unknown`: v1 UNKNOWN, v2 AF_UNSPEC. */
  readonly command: 'proxy' | 'local' | 'unknown';
  /** Who asked, and what address they dialled. */
  readonly source?: { readonly ip: string; readonly port: number };
  readonly destination?: { readonly ip: string; readonly port: number };
  /** PP2_TYPE_AUTHORITY: the name asked for. */
  readonly authority?: string;
  /** PP2_TYPE_UNIQUE_ID, in hex. */
  readonly uniqueId?: string;
  /** What is wrong with it (a bad CRC32C, a length that does not fit), in words. */
  readonly fault?: string;
  /** Its end was captured too. */
  readonly complete: boolean;
}

export interface TlsHelloHead {
  readonly what: 'tls-hello';
  readonly sni?: string;
  readonly alpn: readonly string[];
  readonly complete: boolean;
}

/** HTTP/2 without TLS (RFC 9113, 3.3): known for what it is, not decoded. */
export interface Http2Head {
  readonly what: 'http2-preface';
}

export interface DnsHead {
  readonly what: 'dns';
  readonly id: number;
  readonly response: boolean;
  readonly name: string;
  /** `A`, `AAAA`, …; `TYPE65` where it has no name. */
  readonly type: string;
  /** `NOERROR`, `NXDOMAIN`, …: of a response. */
  readonly rcode?: string;
  /** Addresses and names answered, in their order, at most 32. */
  readonly answers: readonly string[];
  /** TC: the answer did not fit, and is asked for again over TCP. */
  readonly truncated?: true;
  /** All answers, or the first 32 of them, were captured. */
  readonly complete: boolean;
}

export type Message = HttpRequestHead | HttpResponseHead | ProxyHead | TlsHelloHead | Http2Head | DnsHead;

/** A message began in this packet. The same one is seen at several places; its sequence number tells. */
export interface HeadEvent {
  readonly kind: 'head';
  readonly at: number;
  readonly netns: NetnsId;
  /** As it stands in the packet at this place. */
  readonly tuple: Tuple;
  /** TCP: sequence number of the message's first byte, and what the packet acknowledges; UDP: 0. */
  readonly seq: number;
  readonly ack: number;
  readonly message: Message;
}

/** The capture of heads: where it runs and what it misses, in words. Sent at start and when it changes. */
export interface CaptureEvent {
  readonly kind: 'capture';
  readonly at: number;
  readonly running: boolean;
  readonly missing: readonly string[];
}

/** Heads that began and could not be read. */
export interface HeadsMissedEvent {
  readonly kind: 'heads-missed';
  readonly at: number;
  readonly count: number;
  /**
   * `kernel`: the capture's buffer overran; `cut`: their later segments were not captured; `unread`: not what they
   * began as; `ahead`: the trace ended before the probes came to tell of their connections.
   */
  readonly where: 'kernel' | 'cut' | 'unread' | 'ahead';
}
