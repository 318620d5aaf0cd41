/** Draws the pictures of BENCHMARKS.md, README.md and ARCHITECTURE.md (`npm run pictures`). */
import { fileURLToPath } from "node:url";
import { writePictures } from "./pictures.ts";

await writePictures(fileURLToPath(new URL("../..", import.meta.url)));
