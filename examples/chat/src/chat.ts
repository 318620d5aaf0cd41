// Assembles the chat: one room, a server for SSH clients, a server for browsers, and optionally Valkey.
import { type Bus, LocalBus } from "./bus.ts";
import { Room, type RoomLimits } from "./room.ts";
import { openSshDoor, type SshDoorOptions } from "./ssh-door.ts";
import { WebDoor, type WebDoorOptions } from "./web-door.ts";

export interface ChatOptions {
  readonly ssh: SshDoorOptions;
  readonly web: Omit<WebDoorOptions, "sshPort">;
  /** URL of Valkey; needed only if several processes share the room. */
  readonly valkey?: string | undefined;
  readonly limits?: Partial<RoomLimits> | undefined;
  readonly log?: ((line: string) => void) | undefined;
}

export interface Chat {
  readonly sshPort: number;
  readonly webPort: number;
  readonly room: Room;
  /** Ends the stays of all guests and stops both servers. */
  close(): Promise<void>;
}

/** Opens the room and both servers. If one of them fails, closes the others and rejects. */
export async function openChat({ ssh, web, valkey, limits, log }: ChatOptions): Promise<Chat> {
  const bus = await busFor(valkey, log);
  const room = new Room(bus, limits);
  const doors: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    // Close the room before the servers, so that the bus can announce each departure.
    for (const one of [room, ...doors, bus]) await one.close();
  };
  try {
    const sshDoor = await openSshDoor(room, ssh);
    doors.push({ close: () => sshDoor.close({ grace: 1000 }) });
    const webDoor = await WebDoor.open(room, { ...web, sshPort: sshDoor.address.port });
    doors.push(webDoor);
    return { sshPort: sshDoor.address.port, webPort: webDoor.port, room, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function busFor(url: string | undefined, log: ChatOptions["log"]): Promise<Bus> {
  if (url === undefined) return new LocalBus();
  // Imported here so that a room without Valkey does not load the Valkey client.
  const { ValkeyBus } = await import("./valkey-bus.ts");
  return ValkeyBus.connect({ url, log });
}
