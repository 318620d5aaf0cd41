/** An IP address: 4 or 16 bytes. */
type Address = readonly number[];

/** Reads an IPv4 address in the forms of inet_aton: one to four numbers, decimal, octal or hexadecimal. `undefined` for other text. */
function parseIPv4(text: string): Address | undefined {
  const parts = text.split(".");
  if (parts.length > 4) return undefined;
  const numbers = parts.map((part) => {
    if (/^0x[0-9a-f]{1,8}$/i.test(part)) return Number.parseInt(part, 16);
    if (/^0[0-7]{0,11}$/.test(part)) return Number.parseInt(part, 8);
    return /^[1-9][0-9]{0,9}$/.test(part) ? Number(part) : Number.NaN;
  });
  const last = numbers.pop()!;
  const room = 4 - numbers.length;
  if (numbers.some((number) => !(number < 256)) || !(last < 256 ** room)) return undefined;
  return [...numbers, ...Array.from({ length: room }, (_, i) => Math.floor(last / 256 ** (room - 1 - i)) % 256)];
}

function parseIPv6(text: string): Address | undefined {
  if (!/^[0-9a-f:.]{2,45}$/i.test(text)) return undefined;
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(groups);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const gap = 16 - head.length - (tail?.length ?? 0);
  if (halves.length === 1 ? gap !== 0 : gap < 2) return undefined;
  return [...head, ...Array.from({ length: gap }, () => 0), ...(tail ?? [])];
}

function groups(text: string): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    const inner = i === parts.length - 1 && /^\d+\.\d+\.\d+\.\d+$/.test(part) ? parseIPv4(part) : undefined;
    if (inner !== undefined) bytes.push(...inner);
    else if (/^[0-9a-f]{1,4}$/i.test(part))
      bytes.push(Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 0xff);
    else return undefined;
  }
  return bytes;
}

/** Reads an IP address without a zone. */
export function parseAddress(text: string): Address | undefined {
  return text.includes(":") ? parseIPv6(text) : parseIPv4(text);
}

/** Returns the usual form of an address (`127.1` becomes `127.0.0.1`; RFC 5952), or `undefined` for other text. Keeps a zone. */
export function canonicalAddress(text: string): string | undefined {
  const [bare = "", zone] = text.split("%", 2);
  const address = parseAddress(bare);
  if (address === undefined || (zone !== undefined && address.length === 4)) return undefined;
  const canonical = address.length === 4 ? address.join(".") : formatIPv6(address);
  return zone === undefined ? canonical : `${canonical}%${zone}`;
}

function formatIPv6(bytes: Address): string {
  const words = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  const mapped = words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff;
  if (mapped) return `::ffff:${bytes.slice(12).join(".")}`;
  let start = 0;
  let length = 0;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && words[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
  }
  const hex = words.map((word) => word.toString(16));
  if (length < 2) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}

/** A list of networks, or the words that OpenSSH prints for a bad one. */
export function parseNetworks(list: string): readonly ((address: string) => boolean)[] | readonly string[] {
  const networks: ((address: string) => boolean)[] = [];
  for (const entry of list.split(",")) {
    if (entry === "") return [`addr_match_cidr_list: empty entry in list "${list}"`];
    if (/[^0-9a-fA-F.:/]/.test(entry))
      return [
        `addr_match_cidr_list: list entry "${entry}" contains invalid characters`,
        `Invalid network entry "${entry}"`,
      ];
    const [text = "", bits, ...more] = entry.split("/");
    const network = parseAddress(text);
    if (network === undefined || more.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits)))
      return [`Invalid network entry "${entry}"`];
    const length = bits === undefined ? network.length * 8 : Number(bits);
    if (length > network.length * 8 || network.some((byte, i) => (byte & ~maskOf(length, i)) !== 0))
      return [`Inconsistent mask length for network "${entry}"`];
    networks.push((address) => {
      const other = parseAddress(address.split("%", 1)[0]!);
      return other?.length === network.length && network.every((byte, i) => byte === (other[i]! & maskOf(length, i)));
    });
  }
  return networks;
}

function maskOf(length: number, index: number): number {
  return (0xff00 >> Math.min(8, Math.max(0, length - index * 8))) & 0xff;
}
