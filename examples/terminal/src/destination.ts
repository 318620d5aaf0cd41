/** An SSH server that the page may connect to. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  /** Suggested user name. */
  readonly user: string | undefined;
  /** Entry for the gateway's option `allow`. */
  readonly allow: string;
}

/** A destination as the page receives it. */
export interface PageDestination extends Pick<Destination, "host" | "port"> {
  readonly user?: string | undefined;
  /** Whether its SSH server verifies passkeys; false for the embedded one. */
  readonly verifiesPasskeys: boolean;
}

/** Settings that the page fetches from `/config.json`. */
export interface PageConfig {
  /** Destinations in the order of the page's list. */
  readonly destinations: readonly PageDestination[];
  /** Whether the page's policy permits WebAssembly. */
  readonly wasm: boolean;
}
