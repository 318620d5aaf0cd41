type Task = () => void;

/** What a platform may have beside timers. */
const platform = globalThis as { readonly setImmediate?: (task: Task) => void };

/**
 * Calls `task` from the event loop, after input and timers that are due had their turn. Unlike a timer it is neither delayed by a
 * millisecond nor slowed down in a background tab.
 */
export function queueMacrotask(task: Task): void {
  if (platform.setImmediate !== undefined) platform.setImmediate(task);
  else if (typeof MessageChannel === "undefined") setTimeout(task);
  else queueMessage(task);
}

const tasks: Task[] = [];
let port: MessagePort | undefined;

/** A browser delivers each message in a task of its own. */
function queueMessage(task: Task): void {
  if (port === undefined) {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => tasks.shift()?.();
    port = port2;
  }
  tasks.push(task);
  port.postMessage(undefined);
}
