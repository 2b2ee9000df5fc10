// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import test from 'node:test';
import { imageProcess, resize, watermark } from './library.js';

test('steps are written as OSS reads them, in their order', () => {
  assert.equal(imageProcess(resize({ width: 160, height: 90, mode: 'fill' })), 'image/resize,m_fill,w_160,h_90');
  assert.equal(
    imageProcess(resize({ width: 800 }), watermark({ text: 'a', corner: 'nw', size: 30, color: '112233', opacity: 50 })),
    'image/resize,m_lfit,w_800/watermark,text_YQ,size_30,color_112233,t_50,g_nw',
  );
});

test('text of any script is base64 for URLs, without padding', () => {
  const encoded = /text_([^,]*)/.exec(watermark({ text: '你好?~ÿ' }))?.[1] ?? '';

  assert.match(encoded, /^[A-Za-z0-9_-]+$/);
  assert.equal(Buffer.from(encoded, 'base64url').toString(), '你好?~ÿ');
});
