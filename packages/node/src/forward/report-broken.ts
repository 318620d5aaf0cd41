import type { Channel } from "nacre/extend";

/** Waits until a forwarded connection ends. Rejects with the error if it failed. */
export async function reportBroken(channel: Channel): Promise<void> {
  const { error } = await channel.ended;
  if (error !== undefined) throw error;
}
