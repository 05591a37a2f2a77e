/**
 * Heads of HTTP/1.0 and 1.1 (RFC 9112), by hand, since all but a dozen headers are skipped unread. What must not
 * be kept is not read either: cookies, credentials, bodies; of targets, userinfo and (unless kept) the query.
 */
import type { CarriedAddress, HttpRequestHead, HttpResponseHead } from '../../events/head.ts';
import { carriedAddress } from './carried.ts';
import { METHODS, LONGEST_METHOD } from './methods.ts';
import { MAX_HEAD_BYTES } from './reading.ts';
import type { Reading, ReadOptions } from './reading.ts';
import { plain } from './text.ts';

const SHORT = 256;
const PATH_LIMIT = 1024;

const NEWLINE = '\n';
const RETURN = 0x0d;
const BLANK = 0x20;
const TAB = 0x09;
const COLON = 0x3a;

export function readHttpRequest(bytes: Buffer, options: ReadOptions): Reading<HttpRequestHead> {
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, MAX_HEAD_BYTES));
  const space = text.indexOf(' ');
  if (space < 0) return !options.cut && beginsMethod(text) ? 'incomplete' : undefined;
  if (space > LONGEST_METHOD) return undefined;
  const method = text.slice(0, space);
  if (!METHODS.has(method)) return undefined;

  const newline = text.indexOf(NEWLINE);
  const ends = options.cut || text.length === MAX_HEAD_BYTES;
  if (newline < 0) return ends ? cutRequest(method, text.slice(space + 1), options) : 'incomplete';
  const line = text.slice(space + 1, lineEnd(text, newline));
  const versionAt = line.lastIndexOf(' ') + 1;
  const version = versionOf(line.slice(versionAt));
  if (version === undefined || versionAt < 2) return undefined;
  const target = line.slice(0, versionAt - 1);

  const fields = new Fields();
  const end = fields.read(text, newline + 1);
  if (end < 0 && !ends) return 'incomplete';
  const authority = authorityOf(method, target) ?? fields.only('host');
  const host = authority?.slice(authority.lastIndexOf('@') + 1);
  const upgrade = fields.first('upgrade');
  const traceId = traceIdOf(fields.first('traceparent'));
  const body = method === 'CONNECT' || end < 0 ? undefined : fields.bodyBytes();
  const length = fields.contentLength();
  return {
    message: {
      what: 'http-request',
      version,
      method,
      path: pathOf(target, options.keepQuery),
      ...(host === undefined || host === '' ? {} : { host: plain(host, SHORT) }),
      carried: fields.carried(),
      ...fields.requestId(),
      ...(traceId === undefined ? {} : { traceId }),
      ...(length === undefined ? {} : { bodyBytes: length }),
      ...(upgrade === undefined ? {} : { upgrade: plain(upgrade, SHORT) }),
      complete: end >= 0,
    },
    length: end < 0 ? text.length : end,
    body,
  };
}

export function readHttpResponse(bytes: Buffer, options: ReadOptions): Reading<HttpResponseHead> {
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, MAX_HEAD_BYTES));
  const newline = text.indexOf(NEWLINE);
  if (newline < 0) {
    return !options.cut && STATUS_BEGINS.test(text) && text.length < MAX_HEAD_BYTES
      ? 'incomplete'
      : undefined;
  }
  const line = STATUS_LINE.exec(text.slice(0, lineEnd(text, newline)));
  if (line === null) return undefined;
  const status = Number(line[2]);

  const fields = new Fields();
  const end = fields.read(text, newline + 1);
  if (end < 0 && !options.cut && text.length < MAX_HEAD_BYTES) return 'incomplete';
  return {
    message: {
      what: 'http-response',
      version: line[1] === '0' ? '1.0' : '1.1',
      status,
      ...fields.requestId(),
      complete: end >= 0,
    },
    length: end < 0 ? text.length : end,
    body: end < 0 ? undefined : responseBody(status, fields),
  };
}

/** A later minor version is read as the highest that one knows (RFC 9110, 2.5). The reason is not kept. */
const STATUS_LINE = /^HTTP\/1\.(\d) ([1-9]\d\d)(?: |$)/;
const STATUS_BEGINS =
  /^(?:H|HT|HTT|HTTP|HTTP\/|HTTP\/1|HTTP\/1\.(?:\d(?: (?:[1-9](?:\d(?:\d(?:\r|[ ].*)?)?)?)?)?)?)$/s;

/** RFC 9112, 6.3. The answer to a HEAD has none either, which is for those to say who know the request. */
function responseBody(status: number, fields: Fields): number | undefined {
  if (status === 101) return undefined;
  if (status < 200 || status === 204 || status === 304) return 0;
  return fields.contentLength();
}

function beginsMethod(text: string): boolean {
  if (text.length > LONGEST_METHOD) return false;
  for (const method of METHODS) if (method.startsWith(text)) return true;
  return false;
}

/** The line itself is cut: its target is known up to there, if it looks like one. */
function cutRequest(method: string, target: string, { keepQuery }: ReadOptions): Reading<HttpRequestHead> {
  if (!/^(?:\/|https?:\/\/)/i.test(target)) return undefined;
  const whole = !keepQuery && /[?#]/.test(target);
  // The userinfo of a target that ends in its authority may be cut too.
  if (!whole && /^[^/][^:]*:\/\/[^/]*$/.test(target)) return undefined;
  const path = pathOf(target, keepQuery);
  return {
    message: {
      what: 'http-request',
      method,
      path: whole || path.endsWith('…') ? path : `${path.slice(0, PATH_LIMIT - 1)}…`,
      carried: [],
      complete: false,
    },
    length: method.length + 1 + target.length,
    body: undefined,
  };
}

function versionOf(text: string): '1.0' | '1.1' | undefined {
  if (text === 'HTTP/1.1') return '1.1';
  if (text === 'HTTP/1.0') return '1.0';
  return /^HTTP\/1\.\d$/.test(text) ? '1.1' : undefined;
}

/** Of an absolute target (RFC 9112, 3.2.2) or of CONNECT's. */
function authorityOf(method: string, target: string): string | undefined {
  return method === 'CONNECT' ? target : /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(target)?.[1];
}

function pathOf(target: string, keepQuery: boolean): string {
  const query = keepQuery ? -1 : target.search(/[?#]/);
  const path = withoutUserinfo(query < 0 ? target : target.slice(0, query));
  return plain(path, PATH_LIMIT);
}

/** Of an authority (RFC 3986, 3.2.1), wherever an address stands in the target: proxies take them as paths. */
function withoutUserinfo(target: string): string {
  if (!target.includes('@')) return target;
  const address = target.replace(/:\/\/[^/?#]*@/g, '://');
  return /^[/*]|:\/\//.test(address) ? address : address.replace(/^[^/?#]*@/, '');
}

/** W3C Trace Context, 3.2: version, trace, parent and flags. */
function traceIdOf(traceparent: string | undefined): string | undefined {
  const id = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:$|-)/.exec(traceparent ?? '')?.[1];
  return id === undefined || /^0+$/.test(id) ? undefined : id;
}

/** Where the text of a line ends whose newline is there. A bare one is taken too (RFC 9112, 2.2). */
function lineEnd(text: string, newline: number): number {
  return text.charCodeAt(newline - 1) === RETURN ? newline - 1 : newline;
}

type FieldName =
  | 'host'
  | 'upgrade'
  | 'forwarded'
  | 'x-real-ip'
  | 'traceparent'
  | 'x-request-id'
  | 'content-length'
  | 'x-forwarded-for'
  | 'x-amzn-trace-id'
  | 'x-correlation-id'
  | 'transfer-encoding';

const WANTED: ReadonlyMap<string, FieldName> = new Map(
  (
    [
      'host',
      'upgrade',
      'forwarded',
      'x-real-ip',
      'traceparent',
      'x-request-id',
      'content-length',
      'x-forwarded-for',
      'x-amzn-trace-id',
      'x-correlation-id',
      'transfer-encoding',
    ] as const
  ).map((name) => [name, name]),
);
/** Which lengths a wanted name may have: that tells most of the others apart before they are looked at. */
const LENGTHS: readonly boolean[] = Array.from({ length: 18 }, (_, length) =>
  [...WANTED.keys()].some((name) => name.length === length),
);

/** The headers that are read, their lines in order. */
class Fields {
  private readonly lines = new Map<FieldName, string[]>();

  /** @returns where the head ends, behind its empty line; -1 where that is not there */
  read(text: string, from: number): number {
    let position = from;
    for (;;) {
      let newline = text.indexOf(NEWLINE, position);
      if (newline < 0) return -1;
      if (newline === position) return newline + 1;
      let end = lineEnd(text, newline);
      if (end === position) return newline + 1;
      const begin = position;
      position = newline + 1;
      let folded = false;
      while (isBlank(text.charCodeAt(position))) {
        newline = text.indexOf(NEWLINE, position);
        if (newline < 0) return -1;
        folded = true;
        end = lineEnd(text, newline);
        position = newline + 1;
      }
      this.line(text, begin, end, folded);
    }
  }

  first(name: FieldName): string | undefined {
    return this.lines.get(name)?.[0];
  }

  /** Undefined where lines contradict each other: one cannot tell whom the server believed. */
  only(name: FieldName): string | undefined {
    const lines = this.lines.get(name);
    return lines?.every((line) => line === lines[0]) === true ? lines[0] : undefined;
  }

  carried(): CarriedAddress[] {
    const carried: CarriedAddress[] = [];
    for (const [name, lines] of this.lines) {
      if (name === 'x-forwarded-for' || name === 'x-real-ip' || name === 'forwarded') {
        const address = carriedAddress(name, lines);
        if (address.values.length > 0) carried.push(address);
      }
    }
    return carried;
  }

  requestId(): { requestId?: string } {
    const amazon = this.first('x-amzn-trace-id');
    const id =
      this.first('x-request-id') ??
      this.first('x-correlation-id') ??
      (amazon === undefined ? undefined : (/(?:^|;)\s*Root=([^;]+)/.exec(amazon)?.[1] ?? amazon));
    return id === undefined || id === '' ? {} : { requestId: plain(id, SHORT) };
  }

  /** Undefined where there is none, where it says nothing (RFC 9112, 6.3) or is no length. */
  contentLength(): number | undefined {
    if (this.lines.has('transfer-encoding')) return undefined;
    const length = this.only('content-length');
    return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
  }

  /** Of a request's body, which is empty unless the head says otherwise. */
  bodyBytes(): number | undefined {
    const silent = !this.lines.has('transfer-encoding') && !this.lines.has('content-length');
    return silent ? 0 : this.contentLength();
  }

  private line(text: string, begin: number, end: number, folded: boolean): void {
    let colon = begin;
    const limit = Math.min(end, begin + LENGTHS.length);
    while (colon < limit && text.charCodeAt(colon) !== COLON) colon++;
    if (colon === limit || LENGTHS[colon - begin] !== true) return;
    const name = WANTED.get(text.slice(begin, colon).toLowerCase());
    if (name === undefined) return;
    const raw = text.slice(colon + 1, end);
    const value = (folded ? raw.replace(/\r?\n[ \t]+/g, ' ') : raw).trim();
    const lines = this.lines.get(name);
    if (lines === undefined) this.lines.set(name, [value]);
    else lines.push(value);
  }
}

const isBlank = (code: number): boolean => code === BLANK || code === TAB;
