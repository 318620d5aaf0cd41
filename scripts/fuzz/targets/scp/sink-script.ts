import { ScpSink, type ScpSinkEvent, scpNameProblem } from "@nacre/sftp/scp";
import { expectEqual, expectRefusal, expectTrue } from "../../contract.ts";

const LIMITS = { maxLineLength: 512, maxNameLength: 64, maxDepth: 4 };

/** What a sink reported, without the places where contents were split. */
type Report = readonly unknown[];

/** Answers the events of a sink by the bits of `answers`: every set bit refuses one event, in turn. */
class Application {
  readonly sink = new ScpSink({ limits: LIMITS });
  readonly report: unknown[] = [];
  readonly #answers: number;
  #asked = 0;
  #depth = 0;
  /** Bytes of the current file that are missing. */
  #left = 0;
  #contents = 0;
  isClosed = false;

  constructor(answers: number) {
    this.#answers = answers;
    this.sink.accept();
  }

  settle(): void {
    for (let event = this.sink.nextEvent(); event !== undefined; event = this.sink.nextEvent()) this.#on(event);
    expectTrue(this.sink.depth <= LIMITS.maxDepth, `${this.sink.depth} directories`);
    expectEqual(this.sink.depth, this.#depth, "the number of directories");
    for (let { unsent } = this.sink; unsent.length > 0; { unsent } = this.sink) {
      this.report.push([...unsent]);
      this.sink.sent(unsent.length);
    }
  }

  #on(event: ScpSinkEvent): void {
    expectTrue(!this.isClosed, "an event after the end");
    if (event.type === "data") {
      this.#contents += event.data.length;
      this.#left -= event.data.length;
      expectTrue(event.data.length > 0 && this.#left >= 0, "contents beyond the size");
      return;
    }
    if ("name" in event) {
      expectEqual(scpNameProblem(event.name), undefined, "the problem with a name");
      expectTrue(event.name.length <= LIMITS.maxNameLength, "a long name");
    }
    if (event.type === "file-end") expectEqual(this.#left, 0, "bytes missing at the end of a file");
    if (event.type === "closed") {
      this.isClosed = true;
      if (event.error === undefined) expectEqual(this.#depth, 0, "directories that are not complete");
      else expectRefusal(event.error);
    }
    this.report.push({
      ...event,
      contents: this.#contents,
      error: event.type === "closed" ? event.error?.code : undefined,
    });
    if (event.type === "closed" || event.type === "problem") return;
    const isRefused = ((this.#answers >> (this.#asked++ % 8)) & 1) === 1;
    if (isRefused) this.sink.refuse("no");
    else this.sink.accept();
    if (event.type === "file" && !isRefused) this.#left = event.size;
    if (event.type === "directory" && !isRefused) this.#depth++;
    if (event.type === "directory-end") this.#depth--;
  }
}

/** Plays a sink whose source sends the input after its first byte. Input in one piece and byte by byte must give the same result. */
export function playSink(input: Uint8Array): void {
  const whole = play(input, (app, bytes) => app.sink.receive(bytes.slice()));
  const split = play(input, (app, bytes) => {
    for (const byte of bytes) {
      app.sink.receive(Uint8Array.of(byte));
      app.settle();
    }
  });
  // Where the bytes end decides how much of them an error shows, but not its code. Answers leave earlier.
  expectEqual(eventsOf(split), eventsOf(whole), "the events byte by byte");
  expectEqual(bytesOf(split), bytesOf(whole), "the answers byte by byte");
}

function play(input: Uint8Array, send: (app: Application, bytes: Uint8Array) => void): Report {
  const app = new Application(input[0] ?? 0);
  send(app, input.subarray(1));
  app.settle();
  app.sink.end();
  app.settle();
  expectTrue(app.isClosed, "a sink that goes on after the end");
  return app.report;
}

function eventsOf(report: Report): Report {
  return report.filter((one) => !Array.isArray(one));
}

function bytesOf(report: Report): Report {
  return report.filter((one) => Array.isArray(one)).flat();
}
