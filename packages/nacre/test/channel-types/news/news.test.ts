import { code, failure } from "@nacre/testing/nacre/outcomes";
import { open, served, visitor } from "@nacre/testing/nacre/wire";
import { utf8Encode } from "@nacre/wire";
import type { Client, ServeOptions, Session } from "nacre";
import { describe, expect, it } from "vitest";
import { connectWith } from "../channel-type.ts";
import { CHANNEL_TYPES } from "../list.ts";
import { MAX_NEWS, NEWS_CHANNEL, NEWS_REQUEST, News } from "./news.ts";

const TEXTS = { weather: ["rain"], sports: ["a", "b", "c"], secret: ["for others"] };

const server: ServeOptions<Session> = { ...open, session: () => 0 };
const ask = (topic: string) => ({ requests: [{ type: NEWS_REQUEST, data: utf8Encode(topic) }] });

async function granted(news: News): Promise<Client> {
  return connectWith([news], { ...server, authenticate: () => ({ permissions: news.permissions }) }, visitor);
}

describe("an application-defined channel type", () => {
  it("is in the list of types", () => {
    expect(CHANNEL_TYPES.map(({ name }) => name)).toContain(NEWS_CHANNEL);
  });

  it("is opened by the server after the client's session request", async () => {
    const news = new News(TEXTS, "weather");
    await using client = await granted(news);
    await client.exec("true", ask("weather"));
    await Promise.all(news.outcomes);
    await expect.poll(() => news.received, { timeout: 10_000 }).toEqual(["rain"]);
  });

  it("is refused without the permission, and the server opens nothing", async () => {
    const news = new News(TEXTS, "weather");
    await using client = await connectWith([news], server, visitor);
    expect(await failure(client.exec("true", ask("weather")))).toEqual(code("channel-request-failed"));
    expect(news.outcomes).toEqual([]);
  });

  it("is refused by the server's handler for an unknown topic", async () => {
    const news = new News(TEXTS, "weather");
    await using client = await granted(news);
    expect(await failure(client.exec("true", ask("nothing")))).toEqual(code("channel-request-failed"));
  });

  it("is refused by the client if it did not request the topic", async () => {
    const news = new News(TEXTS, "weather");
    await using client = await granted(news);
    await client.exec("true", ask("secret"));
    expect(await failure(news.outcomes[0]!)).toEqual(code("channel-open-failed"));
    expect(news.received).toEqual([]);
  });

  it("is refused beyond its limit", async () => {
    const news = new News(TEXTS, "sports");
    await using client = await granted(news);
    await client.exec("true", ask("sports"));
    const ends = await Promise.allSettled(news.outcomes);
    expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(MAX_NEWS);
  });

  it("is refused by a client without a handler for it", async () => {
    const { client, connection } = await served({ session: () => 0 });
    expect(await failure(connection.openChannel(NEWS_CHANNEL))).toEqual(code("channel-open-failed"));
    await client.close();
    expect(await failure(connection.openChannel(NEWS_CHANNEL))).toEqual(code("disconnected"));
  });
});
