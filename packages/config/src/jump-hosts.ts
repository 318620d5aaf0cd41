import type { JumpHop } from "./values.ts";

/** Reads one `[user@]host[:port]` or `ssh://[user[;parameters]@]host[:port][/]`. `undefined` if the text is malformed. */
export function parseHop(text: string, port: (text: string) => number | undefined): JumpHop | undefined {
  const uri = text.startsWith("ssh://");
  const [body = "", ...path] = uri ? text.slice("ssh://".length).split("/") : [text];
  if (path.length > 1 || (path[0] ?? "") !== "") return undefined;
  const at = body.lastIndexOf("@");
  if (at === 0 || (uri && body.indexOf("@") !== at)) return undefined;
  let user = at < 0 ? undefined : body.slice(0, at);
  if (uri && user !== undefined) user = decodePercent(user.split(";", 1)[0]!);
  const place = splitPort(body.slice(at + 1));
  if (place === undefined || (at > 0 && user === undefined)) return undefined;
  // quirk: the host of a URI must look like a domain name, so an IPv6 address cannot stand there.
  if (uri && !/^[a-z0-9_](?:\.?[a-z0-9_-])*\.?$/i.test(place.host)) return undefined;
  const host = uri ? place.host.replace(/\.$/, "") : place.host;
  const number = place.port === undefined ? undefined : port(place.port);
  if (place.port !== undefined && (number === undefined || number === 0)) return undefined;
  return { user, host, port: number, text };
}

/** Splits `host:port` or `[host]:port`. */
function splitPort(text: string): { readonly host: string; readonly port: string | undefined } | undefined {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(text);
  const [host = "", port, ...more] = bracketed === null ? text.split(":") : [bracketed[1]!, bracketed[2]];
  if (host === "" || more.length > 0 || (bracketed === null && /[[/]/.test(text))) return undefined;
  return { host, port: port === "" ? undefined : port };
}

function decodePercent(text: string): string | undefined {
  if (/%(?![0-9a-f]{2})/i.test(text)) return undefined;
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Reads a list of jump hosts. `undefined` if one of them is malformed. */
export function parseJump(text: string, port: (text: string) => number | undefined): JumpHop[] | undefined {
  const hops = text.split(",").map((hop) => parseHop(hop, port));
  return hops.some((hop) => hop === undefined) ? undefined : (hops as JumpHop[]);
}
