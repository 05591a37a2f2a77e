/**
 * The methods registered with IANA, and those that caches and UPnP made common. Any token may be one (RFC 9110,
 * 9.1), but a list keeps the text of a body from being taken for a request.
 */
export const METHODS: ReadonlySet<string> = new Set(
  (
    'GET POST PUT DELETE HEAD OPTIONS PATCH CONNECT TRACE QUERY ' +
    'ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL ' +
    'MKREDIRECTREF MKWORKSPACE MOVE ORDERPATCH PROPFIND PROPPATCH REBIND REPORT SEARCH UNBIND UNCHECKOUT UNLINK ' +
    'UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL PURGE BAN SUBSCRIBE UNSUBSCRIBE NOTIFY'
  ).split(' '),
);

export const LONGEST_METHOD = Math.max(...[...METHODS].map((method) => method.length));
