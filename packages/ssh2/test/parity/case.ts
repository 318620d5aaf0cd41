/** The API that both implementations have. */
export type Ssh2 = typeof import("ssh2");

/** What a case runs against. */
export interface Peers {
  /** ssh2 of the registry, the peer on loopback in both runs. */
  readonly ssh2: Ssh2;
  /** Path of a fresh folder. */
  readonly folder: string;
  /** Registers a function that releases something when the case is over. The last one registered runs first. */
  readonly after: (release: () => unknown) => void;
}

/** Records an event and its values: Buffers are compared by bytes, errors by message, level, code, reason and description. */
export type Recorder = (event: string, ...values: unknown[]) => void;

/** A program that runs twice, with ssh2 and with this package. Both runs must record the same. */
export interface Case<P extends Peers = Peers> {
  readonly name: string;
  /** Part of the API, for the table of results. */
  readonly section: string;
  run(ssh2: Ssh2, record: Recorder, peers: P): Promise<void>;
  /** First column of the line in README's table of differences that explains why the two runs differ. */
  readonly differs?: string;
  /** What each run records, if the case differs: lists of `[event, ...values]`, in the form of `comparable`. */
  readonly expected?: { readonly ssh2: readonly unknown[]; readonly nacre: readonly unknown[] };
}
