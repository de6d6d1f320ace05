// Serves Aedes on a port until SIGTERM: node server.js SETTINGS.json

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { pathToFileURL } from 'node:url'

const { folder, address, port, options } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const { Aedes } = await import(pathToFileURL(createRequire(`${folder}/`).resolve('aedes')))

const broker = await Aedes.createBroker(options)
broker.on('clientError', (client, error) => console.error(`client ${client.id}: ${error.message}`))
broker.on('connectionError', (client, error) => console.error(`connection: ${error.message}`))

// Nagle's algorithm would hold small messages back.
const server = createServer({ noDelay: true }, broker.handle)
server.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
server.listen({ host: address, port, backlog: 4096 })

process.on('SIGTERM', () => {
  server.close()
  broker.close(() => process.exit(0))
})
