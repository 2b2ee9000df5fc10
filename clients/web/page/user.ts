// SPDX-License-Identifier: Apache-2.0
import { BrokerClient, type Gateway, OwnFiles, type OssConstructor, ResumeStore, type Scope, TokenProvider } from '../src/index.js';
import type { Config } from './config.js';
import type { Session } from './session.js';

/** All that the page holds for who is signed in. */
export interface User {
  readonly name: string;
  readonly grant: string;
  readonly scope: Scope;
  readonly broker: BrokerClient;
  readonly tokens: TokenProvider;
  readonly Oss: OssConstructor;
  readonly files: OwnFiles;
  readonly gateway: Gateway | undefined;
  readonly resume: { store: ResumeStore; owner: string };
}

export async function userOf(config: Config, session: Session): Promise<User> {
  const broker = new BrokerClient({ url: config.brokerUrl, jwt: session.jwtFor('sluice') });
  const grants = await broker.listGrants();
  const grant = config.grant ? grants.find(({ name }) => name === config.grant) : grants[0];
  if (!grant) throw new Error(`the broker gives ${session.subject} no grant ${config.grant}`);
  if (grant.unusable) throw new Error(grant.unusable);
  const tokens = new TokenProvider(broker, { grant: grant.name });
  // Half a megabyte, and only some need it: fetched once somebody has signed in.
  const { default: Oss } = (await import('ali-oss')) as unknown as { default: OssConstructor };
  return {
    name: session.subject,
    grant: grant.name,
    scope: grant.scope,
    broker,
    tokens,
    Oss,
    files: new OwnFiles({ broker, tokens, Oss, grant: grant.name }),
    gateway: config.gatewayUrl ? { url: config.gatewayUrl, jwt: session.jwtFor('sluice-gateway') } : undefined,
    resume: { store: new ResumeStore(), owner: session.subject },
  };
}
