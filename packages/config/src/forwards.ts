import type { Line } from "./line.ts";
import type { Endpoint, Forward } from "./values.ts";

interface Field {
  readonly text: string;
  readonly isPath: boolean;
}

/** Longest path of a socket in bytes, and longest host name, with their final NUL. */
const MAX_SOCKET_PATH = 108;
const MAX_HOST = 1025;

/**
 * Reads `[bind:]port:host:port` and the forms with sockets. A `dynamic` forward has no target; a `remote` one may listen on port 0.
 * `undefined` if the text is malformed.
 */
export function parseForward(
  line: Line,
  text: string,
  { dynamic, remote }: { readonly dynamic: boolean; readonly remote: boolean },
): Forward | undefined {
  const isWindows = line.context.local.windows !== undefined;
  const fields = splitFields(text.replace(/^[ \t\r\n\f\v]+/, ""), isWindows);
  if (fields === undefined) return undefined;
  const tcp = (host: Field | undefined, port: Field): Endpoint | undefined => {
    const number = line.port(port.text);
    return number === undefined ? undefined : { kind: "tcp", host: host?.text, port: number };
  };
  const socket = ({ text: path }: Field): Endpoint => ({ kind: "socket", path });
  const [a, b, c, d] = fields as [Field, Field, Field, Field];
  let listen: Endpoint | undefined;
  let target: Endpoint | "socks" | undefined = "socks";
  switch (fields.length) {
    case 1:
      listen = a.isPath ? socket(a) : tcp(undefined, a);
      break;
    case 2:
      if (b.isPath) {
        listen = a.isPath ? socket(a) : tcp(undefined, a);
        target = socket(b);
      } else listen = tcp(a, b);
      break;
    case 3:
      if (a.isPath) [listen, target] = [socket(a), tcp(b, c)];
      else if (c.isPath) [listen, target] = [tcp(a, b), socket(c)];
      else [listen, target] = [tcp(undefined, a), tcp(b, c)];
      break;
    default:
      [listen, target] = [tcp(a, b), tcp(c, d)];
  }
  if (listen === undefined || target === undefined) return undefined;
  if (dynamic !== (target === "socks")) return undefined;
  if (!isPossible(listen, remote) || (target !== "socks" && !isPossible(target, false))) return undefined;
  return { listen, target };
}

function isPossible(end: Endpoint, mayBeZero: boolean): boolean {
  if (end.kind === "socket") return end.path.length < MAX_SOCKET_PATH;
  return (end.port > 0 || mayBeZero) && (end.host ?? "").length < MAX_HOST;
}

/** Matches the path of a named pipe, up to the next field. */
const NAMED_PIPE = /^\\\\[.?]\\pipe\\[^:]*/i;

/** Splits at `:`. Brackets take a field literally, `\` the next character. On Windows the path of a named pipe is taken as it is. */
function splitFields(text: string, isWindows: boolean): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  while (at < text.length && fields.length < 4) {
    const [pipe] = (isWindows && NAMED_PIPE.exec(text.slice(at))) || [];
    if (pipe !== undefined) {
      fields.push({ text: pipe, isPath: true });
      at += pipe.length + 1;
      continue;
    }
    if (text[at] === "[") {
      const close = text.indexOf("]", at);
      if (close < 0 || !(text[close + 1] === ":" || close + 1 === text.length)) return undefined;
      const inner = text.slice(at + 1, close);
      fields.push({ text: inner, isPath: inner.includes("/") });
      at = close + 2;
      continue;
    }
    let field = "";
    let isPath = false;
    for (; at < text.length && text[at] !== ":"; at++) {
      if (text[at] === "\\" && ++at === text.length) return undefined;
      else if (text[at] === "/") isPath = true;
      field += text[at];
    }
    fields.push({ text: field, isPath });
    at++;
  }
  return at < text.length || fields.length === 0 ? undefined : fields;
}

/** Returns an end of a forward as `ssh -G` prints it. */
export function formatEndpoint(end: Endpoint): string {
  if (end.kind === "socket") return end.path;
  return end.host === undefined ? String(end.port) : `[${end.host}]:${end.port}`;
}

/** Returns a forward as `ssh -G` prints it. quirk: it prints a target of SOCKS with port 0. */
export function formatForward({ listen, target }: Forward): string {
  return `${formatEndpoint(listen)} ${target === "socks" ? "[socks]:0" : formatEndpoint(target)}`;
}

export function sameForward(a: Forward, b: Forward): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
