/** What a file is: found out from its content, and from what its name and its sender say where that does not tell. */
import path from 'node:path'

export const unknownMimetype = 'application/octet-stream'
export const voiceMimetype = 'audio/ogg; codecs=opus'

/** Names that other programs know better than those of the detection. */
const usual: Readonly<Record<string, string>> = {
  'audio/x-m4a': 'audio/mp4',
  'audio/m4a': 'audio/mp4',
  'video/x-m4v': 'video/mp4',
  'video/matroska': 'video/x-matroska',
  'video/vnd.avi': 'video/x-msvideo',
}

/** Of texts, which have nothing in their content to tell them by. */
const byExtension: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.csv': 'text/csv',
  '.htm': 'text/html',
  '.html': 'text/html',
  '.ics': 'text/calendar',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.log': 'text/plain',
  '.md': 'text/markdown',
  '.svg': 'image/svg+xml',
  '.tsv': 'text/tab-separated-values',
  '.txt': 'text/plain',
  '.vcf': 'text/vcard',
  '.xml': 'application/xml',
  '.yaml': 'application/yaml',
}

const mimetypePattern = /^[\w!#$&^.+-]{1,64}\/[\w!#$&^.+-]{1,64}$/

/** A Content-Type without its parameters, in lower case; undefined when it says nothing. */
const cleanMimetype = (text: string | null | undefined): string | undefined => {
  const type = text?.split(';')[0]?.trim().toLowerCase()
  return type !== undefined && mimetypePattern.test(type) && type !== unknownMimetype ? type : undefined
}

/** The type that a file's content shows, undefined for what has none to show, such as a text. */
export const detectMimetype = async (file: string): Promise<string | undefined> => {
  const { fileTypeFromFile } = await import('file-type')
  const found = await fileTypeFromFile(file)
  return found === undefined ? undefined : (usual[found.mime] ?? found.mime)
}

const isPlayedOrShown = (mimetype: string): boolean => /^(?:image|video|audio)\//.test(mimetype)

/**
 * The type to call a file by. What is played or shown is what its content says; of the rest the sender knows more: many
 * formats of documents are a ZIP file by their content.
 */
export const chooseMimetype = (
  detected: string | undefined,
  declared: string | null | undefined,
  filename: string | null | undefined,
): string => {
  if (detected !== undefined && isPlayedOrShown(detected)) return detected
  const told = cleanMimetype(declared)
  if (told !== undefined && !isPlayedOrShown(told)) return told
  return detected ?? byExtension[path.extname(filename ?? '').toLowerCase()] ?? unknownMimetype
}

/** By type: the format that ffmpeg is told to read it as. It is never left to find out, and to open what a file names. */
const demuxers: Readonly<Record<string, string>> = {
  'audio/aac': 'aac',
  'audio/aiff': 'aiff',
  'audio/amr': 'amr',
  'audio/flac': 'flac',
  'audio/mp4': 'mov',
  'audio/mpeg': 'mp3',
  'audio/ogg': 'ogg',
  'audio/ogg; codecs=opus': 'ogg',
  'audio/wav': 'wav',
  'audio/x-ms-asf': 'asf',
  'image/gif': 'gif',
  'video/3gpp': 'mov',
  'video/3gpp2': 'mov',
  'video/mp2t': 'mpegts',
  'video/mp4': 'mov',
  'video/mpeg': 'mpeg',
  'video/ogg': 'ogg',
  'video/quicktime': 'mov',
  'video/webm': 'matroska',
  'video/x-flv': 'flv',
  'video/x-matroska': 'matroska',
  'video/x-ms-asf': 'asf',
  'video/x-msvideo': 'avi',
}

export const demuxerOf = (mimetype: string): string | undefined => demuxers[mimetype]

/** Containers that are called video, and may have sound alone: what browsers and phones record. */
const mayBeSoundOnly: ReadonlySet<string> = new Set(['video/mp4', 'video/webm', 'video/ogg', 'video/3gpp'])

export const mayBeAudio = (mimetype: string): boolean =>
  mimetype.startsWith('audio/') || mimetype === 'video/x-ms-asf' || mayBeSoundOnly.has(mimetype)

export const isVideo = (mimetype: string): boolean => mimetype.startsWith('video/')
