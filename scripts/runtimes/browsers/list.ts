import { must } from "../../../packages/testing/src/openssh/run.ts";

/** Browser and the facts that the matrix asserts about it. */
export interface BrowserUnderTest {
  readonly name: "chromium";
  /** Name for output and documents. */
  readonly title: string;
  /** Path of the executable from Debian's package, which `packages/testing/src/peers/install.ts` installs. */
  readonly program: string;
  /** Command-line arguments. */
  readonly words: readonly string[];
  /** Minimum number of tests that must pass. */
  readonly minTests: number;
}

export const CHROMIUM: BrowserUnderTest = {
  name: "chromium",
  title: "Chromium",
  program: "/usr/bin/chromium",
  words: [
    // Chromium's sandbox does not work for root.
    "--no-sandbox",
    "--disable-gpu",
    // Disable the browser's background network traffic, which no test needs.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
  minTests: 6000,
};

/** Returns the version of a browser, such as "156.0.8078.108". Throws if the browser does not run. */
export async function installedVersion({ title, program }: BrowserUnderTest): Promise<string> {
  const said = await must([program, "--version"]);
  const version = /\d+(?:\.\d+)+/.exec(said)?.[0];
  if (version === undefined) throw new Error(`${title} reports no version: ${program} --version: ${said.trim()}`);
  return version;
}
