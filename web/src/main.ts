/** Puts the client on the page. */
import './styles/tokens.css';
import './styles/base.css';

import { mount } from 'svelte';

import App from './App.svelte';
import { Client } from './state/client.svelte';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no element #app');

const client = new Client();
void client.start();
mount(App, { target, props: { client } });
