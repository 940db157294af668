import { proto } from '@whiskeysockets/baileys'
import type { Context } from '../context.ts'
import { serverJid } from '../protocol/jid.ts'
import { isSignedPreKeyValid } from '../protocol/key-bundle.ts'
import { attr, child, childBytes, element, type Node } from '../protocol/node.ts'
import { ack, iqError, iqResult, notification, pairDevice } from '../protocol/stanzas.ts'
import type { Connection } from '../wire/connection.ts'
import type { FinishedHandshake } from '../wire/noise.ts'
import type { CodeRequest, Pairings, PairingSession, Registration } from './pairings.ts'

const refCount = 6
const refBytes = 24
const codeRefBytes = 16

/** Reads a registration; undefined when a key is missing or its signature is not the identity's. */
export const readRegistration = ({ clientStatic, payload }: FinishedHandshake): Registration | undefined => {
  const data = payload.devicePairingData
  if (!data?.eIdent || !data.eRegid || !data.eSkeyId || !data.eSkeyVal || !data.eSkeySig) return undefined
  if (data.eIdent.length !== 32 || data.eSkeyVal.length !== 32) return undefined
  if (data.eRegid.length !== 4 || data.eSkeyId.length !== 3) return undefined
  const identityKey = Buffer.from(data.eIdent)
  const signedPreKey = {
    keyId: Buffer.from(data.eSkeyId).readUIntBE(0, 3),
    publicKey: Buffer.from(data.eSkeyVal),
    signature: Buffer.from(data.eSkeySig),
  }
  if (!isSignedPreKeyValid(identityKey, signedPreKey)) return undefined
  const props = proto.DeviceProps.decode(data.deviceProps ?? Buffer.alloc(0))
  const type = proto.DeviceProps.PlatformType[props.platformType ?? 0] ?? 'UNKNOWN'
  return {
    noiseKey: clientStatic,
    identityKey,
    registrationId: Buffer.from(data.eRegid).readUInt32BE(),
    signedPreKey,
    platform: [type.toLowerCase(), props.os].filter(Boolean).join(' on '),
  }
}

export const startPairingSession = (
  context: Context,
  pairings: Pairings,
  connection: Connection,
  registration: Registration,
): PairingSession => {
  const refs = Array.from({ length: refCount }, () =>
    context.entropy.next('qr ref', refBytes).toString('base64url'),
  )
  const expected = new Map<string, PromiseWithResolvers<Node>>()
  const unackedRefreshes = new Set<string>()
  const refusedSecrets: Buffer[] = []
  let codeRequest: CodeRequest | undefined
  let open = true
  let claimed = false

  const settle = (key: string | undefined, node: Node): void => {
    if (key === undefined) return
    expected.get(key)?.resolve(node)
    expected.delete(key)
  }

  const onCodeStage = (id: string, stage: Node): void => {
    if (stage.attrs['stage'] === 'companion_finish') {
      session.send(iqResult(id))
      return settle(childBytes(stage, 'link_code_pairing_ref')?.toString('hex'), stage)
    }
    const account = context.directory.find(attr(stage, 'jid'))
    const wrappedEphemeral = childBytes(stage, 'link_code_pairing_wrapped_companion_ephemeral_pub')
    if (
      stage.attrs['stage'] !== 'companion_hello' ||
      account === undefined ||
      wrappedEphemeral === undefined
    ) {
      return session.send(iqError(id, 400, 'bad-request'))
    }
    const ref = context.entropy.next('code ref', codeRefBytes)
    codeRequest = { number: account.number, ref, wrappedEphemeral }
    pairings.awaitCode(account.number, session)
    session.send(
      iqResult(id, [
        element('link_code_companion_reg', { stage: 'companion_hello' }, [
          element('link_code_pairing_ref', {}, ref),
        ]),
      ]),
    )
  }

  const onIq = (iq: Node): void => {
    const id = attr(iq, 'id')
    const type = attr(iq, 'type')
    if (id === undefined) return
    if (type === 'result' || type === 'error') return settle(id, iq)
    const stage = child(iq, 'link_code_companion_reg')
    if (stage !== undefined) return onCodeStage(id, stage)
    if (attr(iq, 'xmlns') === 'w:p') return session.send(iqResult(id))
    context.counters.unknownIqs++
    session.send(iqError(id, 501, 'feature-not-implemented'))
  }

  const notify = (type: string, content: Node[]): string => {
    const id = context.nextId()
    session.send(notification({ id, type, from: serverJid, t: context.nowSeconds() }, content))
    return id
  }

  const session: PairingSession = {
    refs,
    registration,
    get codeRequest() {
      return codeRequest
    },
    get isOpen() {
      return open && !connection.isFrozen
    },
    send: (node) => connection.send(node),
    close: () => connection.close(),
    expect(key) {
      const waiting = Promise.withResolvers<Node>()
      waiting.promise.catch(() => undefined)
      if (open) expected.set(key, waiting)
      else waiting.reject(new Error('the client is gone'))
      return waiting.promise
    },
    claim() {
      if (claimed) return false
      claimed = true
      return true
    },
    release() {
      claimed = false
    },
    refusal(advSecret) {
      if (unackedRefreshes.size > 0) return 'the client was asked for a new QR and has not answered yet'
      if (refusedSecrets.some((secret) => secret.equals(advSecret))) {
        return 'this QR was replaced, scan the one that is shown now'
      }
      return undefined
    },
    refresh(form, refusedSecret) {
      if (refusedSecret !== undefined) refusedSecrets.push(refusedSecret)
      unackedRefreshes.add(notify('companion_reg_refresh', [element(form)]))
    },
    requirePasskey() {
      notify('passkey_prologue_request', [
        element('passkey_prologue_request', {}, [
          element('passkey_challenge', {}, context.entropy.next('passkey', refBytes)),
        ]),
      ])
    },
    onNode(node) {
      switch (node.tag) {
        case 'iq':
          return onIq(node)
        case 'ack':
          unackedRefreshes.delete(attr(node, 'id') ?? '')
          return undefined
        case 'message':
        case 'receipt':
          return session.send(ack(node, { t: context.nowSeconds(), error: 401 }))
        default:
          return undefined
      }
    },
    onClose() {
      open = false
      for (const waiting of expected.values()) waiting.reject(new Error('the client is gone'))
      expected.clear()
      pairings.remove(session)
    },
  }
  pairings.add(session)
  session.send(pairDevice(context.nextId(), refs))
  context.log('debug', { platform: registration.platform }, 'pairing started')
  return session
}
