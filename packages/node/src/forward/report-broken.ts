import type { Channel } from "nacre/internal";

/** Rejects with the reason if a forwarded connection, which has ended, broke. */
export async function reportBroken(channel: Channel): Promise<void> {
  const { error } = await channel.ended;
  if (error !== undefined) throw error;
}
