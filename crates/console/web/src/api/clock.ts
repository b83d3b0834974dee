/// The server's clock, as its answers tell it: ages and expiries must not depend on how this machine's clock is set.

let ahead = 0;

/** Learns from a response's `Date`, which counts whole seconds. */
export function noteServerTime(response: Response): void {
  const told = Date.parse(response.headers.get("Date") ?? "");
  if (Number.isFinite(told)) {
    const difference = told - Date.now();
    // A difference of a second or two is the network's and the rounding's.
    ahead = Math.abs(difference) > 2000 ? difference : 0;
  }
}

/** Unix milliseconds on the server. */
export function serverNow(): number {
  return Date.now() + ahead;
}
