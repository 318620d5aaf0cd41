import { type OnReadOpts, Socket, type SocketConstructorOpts } from "node:net";

/** Maximum bytes per read: the size of the packet reader's slab. */
const READ_SIZE = 256 * 1024;

/** Read buffer shared by all sockets. One buffer is enough, because each chunk is consumed before the next read. */
let received = new Uint8Array(READ_SIZE);

/** Returns the buffer for the next read. workerd detaches buffers that its streams read into, so a detached buffer is replaced. */
function readBuffer(): Uint8Array {
  if (received.length === 0) received = new Uint8Array(READ_SIZE);
  return received;
}

/**
 * Returns the `onread` option of a socket that reads into the shared buffer. The socket emits "data" as usual, but a listener must consume
 * each chunk before it returns. `socket` is called with each chunk, after the socket is made.
 */
export function sharedReads(socket: () => Socket): OnReadOpts {
  return {
    // Node reads this property once, workerd before each read.
    get buffer() {
      return readBuffer();
    },
    callback: (length, buffer) => {
      socket().emit("data", buffer.subarray(0, length));
      // False would stop reading. A resumed socket without a listener discards its data instead, and still notices its end.
      return true;
    },
  };
}

/** Properties of Node's sockets that its types do not declare. `Server.listen` documents `_handle`. */
interface SocketParts {
  /** The system's socket; null after the end. */
  _handle?: { readonly useUserBuffer?: unknown } | null;
  /** The server that counts the socket as one of its connections. */
  _server?: unknown;
}

/** Options of `new Socket`, including those that Node uses itself for `connect` and accepted sockets. */
interface SocketOptions extends SocketConstructorOpts {
  readonly handle: SocketParts["_handle"];
  readonly onread: OnReadOpts;
  readonly highWaterMark: number;
}

/**
 * Takes over a socket that was accepted with `pauseOnConnect`: returns a paused socket for the same connection that reads into the shared
 * buffer, with the same room for output. This takes a third of the CPU time from an upload to a server. Node offers `onread` only for sockets
 * that it dials, so this moves the system's socket to a new `Socket`. Returns `accepted` if it has already ended, or if the runtime lacks
 * that part, as Bun does.
 */
export function withSharedReads(accepted: Socket): Socket {
  const from: SocketParts = accepted as unknown as SocketParts;
  const handle = from._handle;
  if (typeof handle?.useUserBuffer !== "function") return accepted;
  const options: SocketOptions = {
    handle,
    allowHalfOpen: accepted.allowHalfOpen,
    highWaterMark: accepted.writableHighWaterMark,
    onread: sharedReads(() => socket),
  };
  const socket = new Socket(options).pause();
  // The server waits for the end of the new socket instead.
  (socket as unknown as SocketParts)._server = from._server;
  from._handle = null;
  return socket;
}
