import { type Account, jidOf } from '../state/account.ts'
import { lidServer, parseJid } from '../protocol/jid.ts'
import { attr, child, children, element, type Node, textOf } from '../protocol/node.ts'

const digitsOf = (text: string): string => text.replaceAll(/\D/g, '')

interface Asked {
  readonly account: Account | undefined
  /** The JID that the answer names the user by: the one that was asked for. */
  readonly jid: string
  readonly byLid: boolean
  readonly contact: string | undefined
}

type Find = (jid: string) => Account | undefined

const readUser = (user: Node, find: Find): Asked | undefined => {
  const contact = textOf(child(user, 'contact'))
  const lid = child(user, 'lid')
  const jid = attr(user, 'jid') ?? (lid === undefined ? undefined : attr(lid, 'jid'))
  if (jid !== undefined) {
    return { account: find(jid), jid, byLid: parseJid(jid)?.server === lidServer, contact: undefined }
  }
  if (contact === undefined) return undefined
  const pn = `${digitsOf(contact)}@s.whatsapp.net`
  return { account: find(pn), jid: pn, byLid: false, contact }
}

const deviceList = (account: Account, nowSeconds: number): Node => {
  const companions = [...account.companions.values()].map((companion) =>
    element('device', { id: String(companion.device), 'key-index': String(companion.keyIndex) }),
  )
  return element('devices', {}, [
    element('device-list', {}, [element('device', { id: '0' }), ...companions]),
    element('key-index-list', { ts: String(nowSeconds) }),
  ])
}

const answerProtocol = (protocol: string, asked: Asked, nowSeconds: number): Node | undefined => {
  const { account } = asked
  if (protocol === 'contact') {
    const type = account === undefined ? 'out' : 'in'
    return element('contact', { type }, asked.contact === undefined ? undefined : Buffer.from(asked.contact))
  }
  if (account === undefined) return undefined
  switch (protocol) {
    case 'devices':
      return deviceList(account, nowSeconds)
    case 'lid':
      return asked.byLid ? undefined : element('lid', { val: jidOf(account, 0, 'lid') })
    case 'status':
      return element('status', { t: '0', code: '401' })
    case 'disappearing_mode':
      return element('disappearing_mode', { duration: '0', t: '0' })
    default:
      return undefined
  }
}

/**
 * Answers a usync query. A number that is not on the network is left out, unless the query is about contacts: then it is
 * named with `type="out"`.
 */
export const answerUsync = (iq: Node, find: Find, nowSeconds: number): Node | undefined => {
  const usync = child(iq, 'usync')
  if (usync === undefined) return undefined
  const protocols = children(child(usync, 'query')).map((protocol) => protocol.tag)
  const users = children(child(usync, 'list'), 'user').flatMap((user) => {
    const asked = readUser(user, find)
    if (asked === undefined || (asked.account === undefined && !protocols.includes('contact'))) return []
    const parts = protocols.map((protocol) => answerProtocol(protocol, asked, nowSeconds))
    return [
      element(
        'user',
        { jid: asked.jid },
        parts.filter((part) => part !== undefined),
      ),
    ]
  })
  const { sid, index, last, mode, context } = usync.attrs
  return element('usync', { sid, index, last, mode, context }, [
    element(
      'result',
      {},
      protocols.map((protocol) => element(protocol)),
    ),
    element('list', {}, users),
  ])
}
