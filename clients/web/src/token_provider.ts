// SPDX-License-Identifier: Apache-2.0
import { backoffMs, type Sleep, sleep } from './backoff.js';
import type { IssuedToken, IssueTokenRequest } from './messages.js';
import { SluiceError } from './sluice_error.js';

export interface TokenIssuer {
  issueToken(request: IssueTokenRequest): Promise<IssuedToken>;
}

export interface TokenProviderOptions {
  readonly now?: () => number;
  readonly sleep?: Sleep;
}

interface Held {
  readonly token: IssuedToken;
  /** By this device's clock, which may be wrong: counted from the broker's. */
  readonly refreshAt: number;
  readonly expireAt: number;
}

const TRIES = 3;
// After a refresh that failed, the token in hand is used this long before the broker is asked again.
const PAUSE_MS = 5_000;

/**
 * Keeps one token fresh for any number of callers.
 *
 * - However many ask at once, one call to the broker is under way.
 * - From the answer's `refreshAfter` on a new one is fetched while the old one still serves, so nobody waits and nobody meets the end.
 * - A refresh that fails leaves the old token in force while it lives. Without one, those who wait get the `SluiceError`; the next call asks anew.
 */
export class TokenProvider {
  private readonly issuer: TokenIssuer;
  private readonly request: IssueTokenRequest;
  private readonly now: () => number;
  private readonly sleep: Sleep;
  private held: Held | undefined;
  private refreshing: Promise<Held> | undefined;
  private pausedUntil = 0;

  constructor(issuer: TokenIssuer, request: IssueTokenRequest = {}, options: TokenProviderOptions = {}) {
    this.issuer = issuer;
    this.request = request;
    this.now = options.now ?? Date.now;
    this.sleep = options.sleep ?? sleep;
  }

  async token(): Promise<IssuedToken> {
    const held = this.held;
    const now = this.now();
    if (held && now < held.refreshAt) return held.token;
    if (held && now < held.expireAt) {
      // A failure is not lost: `pausedUntil` makes the next caller try again.
      if (now >= this.pausedUntil) this.refresh().catch(() => undefined);
      return held.token;
    }
    return (await this.refresh()).token;
  }

  /** Forgets the token that was refused, unless a newer one is here already. */
  invalidate(refused: IssuedToken): void {
    if (this.held?.token === refused) this.held = undefined;
  }

  private refresh(): Promise<Held> {
    this.refreshing ??= this.fetch().finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  private async fetch(): Promise<Held> {
    for (let attempt = 1; ; ++attempt) {
      try {
        const asked = this.now();
        const token = await this.issuer.issueToken(this.request);
        this.held = held(token, asked);
        this.pausedUntil = 0;
        return this.held;
      } catch (error) {
        const retryable = error instanceof SluiceError && error.retryable;
        if (!retryable || attempt === TRIES) {
          this.pausedUntil = this.now() + Math.max(PAUSE_MS, (retryable && error.retryAfterMs) || 0);
          throw error;
        }
        await this.sleep(backoffMs(attempt, error.retryAfterMs));
      }
    }
  }
}

// The moment of asking is the earliest that `serverTime` can stand for, so the life left is never overrated.
function held(token: IssuedToken, asked: number): Held {
  const ahead = Date.parse(token.serverTime) - asked;
  return { token, refreshAt: Date.parse(token.refreshAfter) - ahead, expireAt: Date.parse(token.expireTime) - ahead };
}
