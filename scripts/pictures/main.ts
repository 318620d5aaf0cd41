/** `npm run pictures`: draws the pictures of BENCHMARKS.md, README.md and ARCHITECTURE.md again. */
import { fileURLToPath } from "node:url";
import { writePictures } from "./pictures.ts";

await writePictures(fileURLToPath(new URL("../..", import.meta.url)));
