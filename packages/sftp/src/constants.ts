/** The SFTP version of both machines (draft-ietf-secsh-filexfer-02 §4). */
export const SFTP_VERSION = 3;

/** Status codes of SSH_FXP_STATUS (draft-ietf-secsh-filexfer-02 §7). Servers may send others. */
export const SSH_FX = {
  OK: 0,
  EOF: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  BAD_MESSAGE: 5,
  NO_CONNECTION: 6,
  CONNECTION_LOST: 7,
  OP_UNSUPPORTED: 8,
} as const;

/** Flags of SSH_FXP_OPEN (draft-ietf-secsh-filexfer-02 §6.3). Combine them with `|`. */
export const SSH_FXF = {
  /** Opens for reading. */
  READ: 0x01,
  /** Opens for writing. */
  WRITE: 0x02,
  /** Writes go to the end of the file; offsets are ignored. */
  APPEND: 0x04,
  /** Creates the file if it does not exist. */
  CREAT: 0x08,
  /** Truncates an existing file to length 0. Needs `CREAT`. */
  TRUNC: 0x10,
  /** Fails if the file exists. Needs `CREAT`. */
  EXCL: 0x20,
} as const;

/** Bits of `StatVfs.flag` (OpenSSH PROTOCOL §4.4). */
export const SSH_FXE_STATVFS = {
  /** The file system is read-only. */
  ST_RDONLY: 0x1n,
  /** The file system ignores set-user-ID and set-group-ID bits. */
  ST_NOSUID: 0x2n,
} as const;
