/**
 * Reads and writes files of a server with many requests in flight, for programs that run the SFTP machine themselves.
 *
 * @module
 */
export { BlockReader, type BlockSink, copyPieces, type ReadRange } from "./blocks/block-reader.ts";
export { type BlockSource, BlockWriter } from "./blocks/block-writer.ts";
export type { BlockLimits } from "./blocks/depth.ts";
export { type OpenFile, type Sender, SftpDriver, type Waiter } from "./channel/sftp-driver.ts";
