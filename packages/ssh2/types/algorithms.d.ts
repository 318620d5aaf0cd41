/** Name of a key exchange method. */
export type KexAlgorithm =
  | "mlkem768x25519-sha256"
  | "curve25519-sha256"
  | "curve25519-sha256@libssh.org"
  | "ecdh-sha2-nistp256"
  | "ecdh-sha2-nistp384"
  | "ecdh-sha2-nistp521"
  | "diffie-hellman-group14-sha256"
  | "diffie-hellman-group15-sha512"
  | "diffie-hellman-group16-sha512"
  | "diffie-hellman-group17-sha512"
  | "diffie-hellman-group18-sha512"
  | "diffie-hellman-group-exchange-sha256"
  | "diffie-hellman-group-exchange-sha1"
  | "diffie-hellman-group14-sha1"
  | "diffie-hellman-group1-sha1";

/** Name of the signature algorithm of a host key. */
export type ServerHostKeyAlgorithm =
  | "ssh-ed25519"
  | "ecdsa-sha2-nistp256"
  | "ecdsa-sha2-nistp384"
  | "ecdsa-sha2-nistp521"
  | "rsa-sha2-256"
  | "rsa-sha2-512"
  | "ssh-rsa"
  | "ssh-dss";

/** Name of a cipher. The names without "@openssh.com" are another spelling of those with it. */
export type CipherAlgorithm =
  | "chacha20-poly1305@openssh.com"
  | "aes256-gcm@openssh.com"
  | "aes256-gcm"
  | "aes128-gcm@openssh.com"
  | "aes128-gcm"
  | "aes256-ctr"
  | "aes192-ctr"
  | "aes128-ctr"
  | "aes256-cbc"
  | "aes192-cbc"
  | "aes128-cbc"
  | "3des-cbc"
  | "blowfish-cbc"
  | "cast128-cbc"
  | "arcfour"
  | "arcfour128"
  | "arcfour256";

/** Name of a message authentication code. */
export type MacAlgorithm =
  | "hmac-sha2-512-etm@openssh.com"
  | "hmac-sha2-256-etm@openssh.com"
  | "hmac-sha2-512"
  | "hmac-sha2-256"
  | "hmac-sha2-512-96"
  | "hmac-sha2-256-96"
  | "hmac-sha1-etm@openssh.com"
  | "hmac-sha1"
  | "hmac-sha1-96"
  | "hmac-ripemd160"
  | "hmac-md5"
  | "hmac-md5-96";

export type CompressionAlgorithm = "none" | "zlib" | "zlib@openssh.com";

/** The whole list in order of preference, or changes of the default list. */
export type AlgorithmList<T> = T[] | Record<"append" | "prepend" | "remove", T | T[]>;

/** Algorithms that are offered. Names that this package lacks are left out, with a warning. */
export interface Algorithms {
  kex?: AlgorithmList<KexAlgorithm>;
  serverHostKey?: AlgorithmList<ServerHostKeyAlgorithm>;
  cipher?: AlgorithmList<CipherAlgorithm>;
  hmac?: AlgorithmList<MacAlgorithm>;
  compress?: AlgorithmList<CompressionAlgorithm>;
}

/** Algorithms of one direction. `mac` is empty for ciphers that authenticate by themselves. */
export interface NegotiatedDirection {
  cipher: CipherAlgorithm;
  mac: MacAlgorithm | "";
  compress: CompressionAlgorithm;
  lang: string;
}

/** Result of a key exchange: `cs` from client to server, `sc` from server to client. */
export interface NegotiatedAlgorithms {
  kex: KexAlgorithm;
  serverHostKey: ServerHostKeyAlgorithm;
  cs: NegotiatedDirection;
  sc: NegotiatedDirection;
}
