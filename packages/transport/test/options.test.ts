import { TRANSPORT_SETTINGS, transportSettings } from "@nacre/transport";
import { expect, test } from "vitest";

test("transportSettings returns every transport setting and drops other options", () => {
  const settings = Object.fromEntries(Object.keys(TRANSPORT_SETTINGS).map((name) => [name, true]));
  expect(transportSettings({ ...settings, password: "secret" } as object)).toEqual(settings);
});
