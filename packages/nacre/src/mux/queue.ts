type Task = () => void;

/**
 * Calls `task`, which must not throw, as a promise job: at the end of the current turn of the event loop. It costs a fraction of
 * `queueMicrotask`, for which Node creates an asynchronous resource.
 */
export function queueJob(task: Task): void {
  void Promise.resolve().then(task);
}

/** Functions that only some platforms have. */
const platform = globalThis as { readonly setImmediate?: (task: Task) => void };

/**
 * Calls `task` from the event loop, after pending input and due timers. Unlike a timer, it is neither delayed by a millisecond nor slowed
 * down in a background tab.
 */
export function queueMacrotask(task: Task): void {
  if (platform.setImmediate !== undefined) platform.setImmediate(task);
  else if (typeof MessageChannel === "undefined") setTimeout(task);
  else queueMessage(task);
}

const tasks: Task[] = [];
let port: MessagePort | undefined;

/** Runs `task` in a message event, which browsers deliver as a separate task. */
function queueMessage(task: Task): void {
  if (port === undefined) {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => tasks.shift()?.();
    port = port2;
  }
  tasks.push(task);
  port.postMessage(undefined);
}
