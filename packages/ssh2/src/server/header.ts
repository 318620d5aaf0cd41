/** How a client identified itself (RFC 4253 §4.2). Texts of the client: escape them before display. */
export interface ClientHeader {
  /** Always empty: only servers may send lines before their identification. */
  readonly greeting: string;
  /** The whole line, such as `"SSH-2.0-OpenSSH_10.0"`. */
  readonly identRaw: string;
  readonly versions: { readonly protocol: string; readonly software: string };
  readonly comments: string | undefined;
}

/** Returns the parts of an identification string. */
export function headerOf(identRaw: string): ClientHeader {
  const {
    protocol = "2.0",
    software = "",
    comments,
  } = /^SSH-(?<protocol>[^-]*)-(?<software>[^ ]*)(?: (?<comments>.*))?$/.exec(identRaw)?.groups ?? {};
  return { greeting: "", identRaw, versions: { protocol, software }, comments };
}
