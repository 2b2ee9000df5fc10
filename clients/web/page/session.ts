// SPDX-License-Identifier: Apache-2.0
import type { JwtSource } from '../src/index.js';
import type { Config } from './config.js';

/** The demo's log-in: the sandbox's identity provider believes any name. An app of your own has its own log-in here. */
export class Session {
  constructor(
    readonly subject: string,
    private readonly config: Config,
    private readonly password: string,
  ) {}

  /** JWTs of one audience: `sluice` for the broker, `sluice-gateway` for the gateway. */
  jwtFor(audience: string): JwtSource {
    let held: Promise<string> | undefined;
    return async (rejected) => {
      if (!held || (rejected !== undefined && rejected === (await held))) held = this.mint(audience);
      // A failure is not kept.
      held.catch(() => {
        held = undefined;
      });
      return held;
    };
  }

  private async mint(audience: string): Promise<string> {
    const query = new URLSearchParams({ ...this.config.claims, subject: this.subject, audience });
    const headers: Record<string, string> = {};
    if (this.config.identityAsksPassword) headers['authorization'] = `Basic ${btoa(`demo:${this.password}`)}`;
    const answer = await fetch(`${this.config.identityUrl}/token?${query}`, { headers, cache: 'no-store' });
    const text = (await answer.text()).trim();
    if (!answer.ok) throw new Error(answer.status === 401 ? 'the password is another one' : text);
    return text;
  }
}
