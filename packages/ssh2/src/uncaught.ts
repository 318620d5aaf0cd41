import { leaveUncaught } from "nacre/extend";

/** Calls an application's function. Rethrows its exception as an uncaught one, so that the connection continues. */
export function uncaught(call: () => void): void {
  try {
    call();
  } catch (thrown) {
    leaveUncaught(thrown);
  }
}
