import { concatBytes } from "@nacre/wire";
import { ClientSide, type ConnectionOptions, type Role, ServerSide, type Side } from "./whole-connection.ts";

/** Fault of one message in transit. `index` counts the sender's messages; the identification string is 0. */
export interface Fault {
  readonly kind: "dropped" | "repeated" | "swapped";
  readonly from: Role;
  readonly index: number;
}

interface Unit {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** One direction of the wire. */
class Wire {
  readonly names: string[] = [];
  /** Delivered chunks. */
  readonly chunks: Uint8Array[] = [];
  readonly #fault: Fault | undefined;
  #held: Unit | undefined;
  /** Whether the fault was applied. A swap needs a next message, and there may be none. */
  struck = false;

  constructor(fault: Fault | undefined) {
    this.#fault = fault;
  }

  /** Applies the fault to sent messages. Returns the bytes to deliver. */
  pass(units: readonly Unit[]): Uint8Array {
    const arrived: Uint8Array[] = [];
    for (const unit of units) {
      const struck = this.#fault?.index === this.names.length;
      this.names.push(unit.name);
      if (this.#held !== undefined) {
        arrived.push(unit.bytes, this.#held.bytes);
        this.#held = undefined;
        this.struck = true;
      } else if (!struck) {
        arrived.push(unit.bytes);
      } else if (this.#fault.kind === "swapped") {
        this.#held = unit;
      } else {
        this.struck = true;
        if (this.#fault.kind === "repeated") arrived.push(unit.bytes, unit.bytes);
      }
    }
    return concatBytes(...arrived);
  }

  /** Returns the bytes held back for a swap with a message that was never sent. */
  late(): Uint8Array {
    const held = this.#held?.bytes ?? new Uint8Array(0);
    this.#held = undefined;
    return held;
  }
}

/** Both sides of a connection, in memory. The simulated clock jumps from deadline to deadline. */
export class LiveConnection {
  readonly client: ClientSide;
  readonly server: ServerSide;
  readonly wires: Readonly<Record<Role, Wire>>;
  /** Side that ended the connection. */
  ended: Role | undefined;
  now = 0;

  constructor(options: ConnectionOptions, fault?: Fault) {
    this.client = new ClientSide({ ...options, traced: true });
    this.server = new ServerSide({ ...options, traced: true });
    this.wires = {
      client: new Wire(fault?.from === "client" ? fault : undefined),
      server: new Wire(fault?.from === "server" ? fault : undefined),
    };
    for (const { machine } of [this.client, this.server]) machine.start(0);
    this.pump();
  }

  get over(): boolean {
    return this.client.error !== undefined && this.server.error !== undefined;
  }

  /** Runs until both sides have ended or the clock reaches `until`. Throws if a side waits without a deadline or spins. */
  run(until: number): this {
    for (let ticks = 0; !this.over; ticks++) {
      const deadlines = [this.client, this.server].map(({ machine }) => machine.deadline() ?? Infinity);
      const next = Math.min(...deadlines);
      if (next === Infinity) throw new Error("both sides wait without a deadline");
      if (next > until) return this;
      if (ticks > 10_000 || next < this.now) throw new Error(`the deadline ${next} does not advance`);
      this.now = next;
      for (const { machine } of [this.client, this.server]) machine.tick(next);
      this.pump();
    }
    return this;
  }

  /** Moves bytes until neither side has more output. */
  pump(): void {
    let moved = true;
    while (moved) {
      const forth = this.#carry("client", this.client, this.server);
      const back = this.#carry("server", this.server, this.client);
      moved = forth || back || this.#late(this.wires.client, this.server) || this.#late(this.wires.server, this.client);
    }
  }

  #carry(from: Role, sender: Side, receiver: Side): boolean {
    sender.work();
    const wire = this.wires[from];
    const units = sender.takeUnits();
    const moved = this.#deliver(wire, receiver, wire.pass(units)) || units.length > 0;
    if (sender.error !== undefined) {
      this.ended ??= from;
      // Like a driver, close the connection.
      if (receiver.error === undefined) {
        this.#late(wire, receiver);
        receiver.machine.end();
        receiver.work();
        return true;
      }
    }
    return moved;
  }

  #late(wire: Wire, receiver: Side): boolean {
    return this.#deliver(wire, receiver, wire.late());
  }

  #deliver(wire: Wire, receiver: Side, bytes: Uint8Array): boolean {
    if (bytes.length === 0) return false;
    wire.chunks.push(bytes);
    receiver.machine.receive(bytes);
    return true;
  }
}

/**
 * Compares a connection with a fault to one without. Returns "same"; "alive" if both sides rightly wait for the lost message; a side and
 * its error code if it ended with another code; or "other" and the parts of the result that differ.
 */
export function ending(live: LiveConnection, whole: LiveConnection): string {
  if (!live.over) return "alive";
  const first = live.ended!;
  for (const role of [first, first === "client" ? "server" : "client"] as const) {
    const { code } = live[role].error!;
    if (code !== whole[role].error!.code) return `${role} ${code}`;
  }
  const differ = (["client", "server"] as const).flatMap((role) =>
    (["events", "stdout", "stderr"] as const)
      .filter((part) => String(live[role].result[part]) !== String(whole[role].result[part]))
      .map((part) => `${role} ${part}`),
  );
  return differ.length === 0 ? "same" : `other: ${differ.join(", ")}`;
}
