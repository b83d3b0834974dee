/// The admin token, where the server asks for one.

import { signal } from "@preact/signals";

import { forgetPayloads } from "./payloads.ts";
import { device, tab } from "./storage.ts";

const KEY = "token";

/** The token in use; empty if there is none. */
export const token = signal(tab.get(KEY) ?? device.get(KEY) ?? "");

/** Set while the server wants a token: its sentence about the last one, empty if there was none. */
export const refused = signal<string | null>(null);

/** Uses this token, for as long as the tab is open, or on this device until it signs out. */
export function signIn(secret: string, remember: boolean): void {
  (remember ? device : tab).set(KEY, secret);
  token.value = secret;
  refused.value = null;
}

/** Forgets the token, and what was typed with it. */
export function signOut(): void {
  forgetPayloads();
  forget("");
}

/** The server did not take the token. */
export function signedOut(reason: string): void {
  // Without a token there is nothing to complain about yet.
  forget(token.value ? reason : "");
}

function forget(reason: string): void {
  tab.remove(KEY);
  device.remove(KEY);
  token.value = "";
  refused.value = reason;
}
