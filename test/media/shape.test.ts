import { expect, it } from 'vitest'
import { fitsAs, kindOfFile, type MediaKind } from '../../src/media/shape.ts'

it.each([
  ['image/jpeg', 'image'],
  ['image/gif', 'image'],
  ['image/svg+xml', 'document'],
  ['image/heic', 'document'],
  ['video/mp4', 'video'],
  ['video/webm', 'video'],
  ['audio/mpeg', 'audio'],
  ['audio/midi', 'document'],
  ['application/pdf', 'document'],
])('what is %s is sent as %s when nobody says otherwise', (mimetype, kind) => {
  expect(kindOfFile(mimetype)).toBe(kind)
})

it.each<[MediaKind, object, boolean]>([
  ['document', { mimetype: 'text/plain' }, true],
  ['image', { mimetype: 'image/png' }, true],
  ['image', { mimetype: 'image/webp' }, false],
  ['video', { mimetype: 'video/mp4' }, true],
  ['gif', { mimetype: 'image/gif' }, false],
  ['round_video', { mimetype: 'video/webm' }, false],
  ['audio', { mimetype: 'audio/mpeg' }, true],
  ['audio', { mimetype: 'video/mp4' }, false],
  ['voice', { mimetype: 'audio/ogg; codecs=opus', waveform: [1] }, true],
  ['voice', { mimetype: 'audio/ogg; codecs=opus' }, false],
  ['sticker', { mimetype: 'image/webp' }, false],
])('as %s a stored file %j can be sent as it is: %s', (kind, known, fits) => {
  expect(fitsAs(kind, { waveform: null, mimetype: '', ...known })).toBe(fits)
})
