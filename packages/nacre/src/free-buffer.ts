/** Length in bytes from which freeing a buffer early costs less than leaving it to the garbage collector. */
export const FREED_FROM: number = 4 * 1024;

/** A port without a receiver: messages to it are dropped. Made when it is first used. It closes itself, so nothing must close it. */
let closedPort: MessagePort | undefined;

/**
 * Frees the memory of a buffer that nothing uses any more, instead of leaving it to the garbage collector. The buffer is detached: its
 * views have length 0. Does nothing to a detached buffer, or on a platform that cannot detach one.
 */
export function freeBuffer(buffer: ArrayBuffer): void {
  freeBuffers([buffer]);
}

/** Frees several buffers like `freeBuffer`. A buffer may occur twice. */
export function freeBuffers(buffers: readonly ArrayBuffer[]): void {
  const attached: ArrayBuffer[] = [];
  for (const buffer of buffers) if (buffer.byteLength > 0 && !attached.includes(buffer)) attached.push(buffer);
  if (attached.length === 0) return;
  // A method since ECMAScript 2024, which Node 20 lacks.
  const { transfer } = ArrayBuffer.prototype as { readonly transfer?: (newLength: number) => ArrayBuffer };
  if (transfer !== undefined) {
    for (const buffer of attached) transfer.call(buffer, 0);
  } else if (typeof MessageChannel === "function") {
    // A dropped message drops the memory that was transferred with it. A further buffer in it costs much less than a further message.
    closedPort ??= portWithoutReceiver();
    closedPort.postMessage(undefined, attached);
  }
}

function portWithoutReceiver(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  return port1;
}
