/** Errors that have the frames of a caller: several calls may fail with one error. */
const complete = new WeakSet<Error>();

/**
 * Adds the frames of the functions that await this call to the stack of `error`, which was made in a callback of a socket or timer. Call it
 * in the `catch` of an async function, after an `await`: there, V8 knows them.
 */
export function withCaller(error: unknown): unknown {
  if (!(error instanceof Error) || complete.has(error)) return error;
  complete.add(error);
  const { stack = "" } = error;
  // Without the lines of the message and of this function.
  const frames = new Error().stack?.split("\n").slice(2) ?? [];
  error.stack = [stack, ...frames.filter((frame) => !stack.includes(frame))].join("\n");
  return error;
}
