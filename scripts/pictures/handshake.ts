// Draws ARCHITECTURE's sequence diagram of a connection in Mermaid, from the trace of a client.
import { served } from "@nacre/testing/nacre/wire";
import type { TraceRecord } from "nacre";

const BEGIN = "<!-- handshake: made by `npm run pictures` -->";
const END = "<!-- handshake: end -->";

/** Returns the document with a new sequence diagram between its markers. */
export async function withHandshake(document: string): Promise<string> {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin)
    throw new Error(`ARCHITECTURE.md lacks the comments around the sequence diagram: ${BEGIN} … ${END}`);
  const diagram = diagramOf(await traceOfCommand());
  return `${document.slice(0, begin)}${BEGIN}\n\n\`\`\`mermaid\n${diagram}\n\`\`\`\n\n${document.slice(end)}`;
}

/** Runs one command with a client and a server in memory. Returns the client's trace up to the command's first output. */
async function traceOfCommand(): Promise<readonly TraceRecord[]> {
  const records: TraceRecord[] = [];
  const { client, connection } = await served(
    {
      session: async ({ stdout }) => {
        await stdout.getWriter().write("ok\n");
        return 0;
      },
    },
    { trace: (record) => records.push(record) },
  );
  await client.exec("echo ok");
  await client.close();
  await connection.close();
  const output = records.findIndex((record) => record.type === "packet" && record.message === "SSH_MSG_CHANNEL_DATA");
  if (output < 0) throw new Error("the trace shows no output of the command");
  return records.slice(0, output + 1);
}

function diagramOf(records: readonly TraceRecord[]): string {
  const messages = records.flatMap((record) =>
    record.type === "packet" ? [`${record.direction === "sent" ? "client" : "server"} ${shortName(record)}`] : [],
  );
  return [
    "sequenceDiagram",
    "  accTitle: A connection up to the first output of its command",
    `  accDescr: The messages of both sides, in the order of the client's trace: ${messages.join(", ")}`,
    "  participant C as client",
    "  participant S as server",
    ...records.map((record) => `  ${lineOf(record)}`),
  ].join("\n");
}

function lineOf(record: TraceRecord): string {
  if (record.type === "negotiated") return `Note over C,S: ${record.summary.replaceAll(/ (?=\w+=|strict$)/g, "<br/>")}`;
  const arrow = record.direction === "sent" ? "C->>S" : "S->>C";
  if (record.type === "identification") return `${arrow}: ${record.line}`;
  // Omits long summaries: a KEXINIT lists every algorithm, an EXT_INFO every signature algorithm.
  const summary = record.summary.length > 80 ? "" : record.summary;
  return `${arrow}: ${shortName(record)}${summary === "" ? "" : `<br/>${summary}`}`;
}

function shortName({ message }: { readonly message: string }): string {
  return message.replace("SSH_MSG_", "");
}
