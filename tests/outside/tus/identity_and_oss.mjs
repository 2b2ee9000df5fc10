// Proof of a caller from the sandbox's identity provider, and what OSS holds for one, by a URL that the broker signs.
import assert from 'node:assert/strict';

export async function jwtOf(subject, audience = 'sluice-gateway') {
  const answer = await fetch(`${process.env.SLUICE_IDENTITY}/token?subject=${subject}&audience=${audience}`);
  assert.equal(answer.status, 200);
  return (await answer.text()).trim();
}

// Undefined where there is no such object.
export async function objectOf(subject, name) {
  const answer = await fetch(`${process.env.SLUICE_HTTP}/v1/urls:sign`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await jwtOf(subject, 'sluice')}` },
    body: JSON.stringify({ grant: 'photos', path: name, method: 'URL_METHOD_GET' }),
  });
  const signed = await answer.json();
  assert.equal(answer.status, 200, signed.message);
  const [{ url, headers }] = signed.urls;
  const object = await fetch(url, { headers });
  if (object.status === 404) return undefined;
  assert.equal(object.status, 200);
  return { bytes: Buffer.from(await object.arrayBuffer()), headers: object.headers };
}
