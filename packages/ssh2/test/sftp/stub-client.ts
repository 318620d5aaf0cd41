import { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";
import { connect, type Client as NacreClient } from "@nacre/node";
import { encodeSubsystem } from "nacre/extend";
import { type Connection, type ConnectionMux, DEBUG, MUX } from "../../src/connection.ts";
import { SFTP } from "../../src/sftp/sftp.ts";

/** As much of ssh2's client as the tests of SFTP need, over a client of `@nacre/node`. */
export class Client extends EventEmitter implements Connection {
  readonly [MUX]: ConnectionMux | undefined = undefined;
  readonly [DEBUG]: ((line: string) => void) | undefined = undefined;
  _sock: Duplex | undefined = undefined;
  #client: NacreClient | undefined;

  connect({ host, port, username, password }: Record<string, never>): this {
    connect({ host, port, user: username, password, hostKey: () => true, config: false }).then(
      (client) => {
        this.#client = client;
        this.emit("ready");
        void client.ended.then(() => this.emit("close"));
      },
      (error) => this.emit("error", error),
    );
    return this;
  }

  sftp(callback: (error: Error | undefined, sftp?: SFTP) => void): this {
    this.#client!.openChannel("session").then(
      (channel) =>
        channel.start("subsystem", encodeSubsystem("sftp"), (success) => {
          if (!success) {
            callback(new Error("Unable to start subsystem: sftp"));
            return;
          }
          const sftp = new SFTP(this, channel, process.env.SFTP_DEBUG ? console.log : undefined);
          const remove = (): void => {
            sftp.off("ready", ready).off("error", failed).off("close", closed);
          };
          const ready = (): void => {
            remove();
            callback(undefined, sftp);
          };
          const failed = (error: Error): void => {
            remove();
            callback(error);
          };
          const closed = (): void => failed(new Error("Received unexpected SFTP session termination"));
          sftp.on("ready", ready).on("error", failed).on("close", closed);
        }),
      callback,
    );
    return this;
  }

  end(): this {
    void this.#client?.end();
    return this;
  }
}
