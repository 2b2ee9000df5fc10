// SPDX-License-Identifier: Apache-2.0

/** `config.json` beside the page. */
export interface Config {
  readonly brokerUrl: string;
  /** Empty where there is no gateway. */
  readonly gatewayUrl: string;
  readonly identityUrl: string;
  /** Where OSS is, for the Content-Security-Policy; requests go where the broker says. */
  readonly ossUrl: string;
  /** The grant to ask for; empty where a user has only one. */
  readonly grant: string;
  /** Claims that the demo's identity provider puts into the JWT. */
  readonly claims: Readonly<Record<string, string>>;
  /** The sandbox asks for a password when it is bound beyond loopback. */
  readonly identityAsksPassword: boolean;
}

export async function loadConfig(): Promise<Config> {
  const answer = await fetch('config.json', { cache: 'no-store' });
  if (!answer.ok) throw new Error(`config.json: ${answer.status}`);
  const { brokerUrl = '', gatewayUrl = '', identityUrl = '', ossUrl = '', grant = '', claims = {}, identityAsksPassword = false } =
    (await answer.json()) as Partial<Config>;
  if (!brokerUrl || !identityUrl) throw new Error('config.json names no brokerUrl or no identityUrl');
  return { brokerUrl, gatewayUrl, identityUrl, ossUrl, grant, claims, identityAsksPassword };
}
