import { leaveUncaught } from "nacre/extend";

/** Calls what the application gave us. Its exception is rethrown as an uncaught one, so that the connection and our own steps go on. */
export function uncaught(call: () => void): void {
  try {
    call();
  } catch (thrown) {
    leaveUncaught(thrown);
  }
}
