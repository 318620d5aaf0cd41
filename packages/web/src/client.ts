import { CommandClient, type LoggedIn, type Process, webProcess } from "nacre/extend";

/** A logged-in SSH connection of a page, with Web streams. Any number of commands can share it. */
export class Client extends CommandClient<Process> {
  /** Call `connect` instead of this constructor. */
  constructor(connection: LoggedIn) {
    super(connection, webProcess);
  }
}
