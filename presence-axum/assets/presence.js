// presence.js, built from client/src (f0b32e53e957c7d1): MIT OR Apache-2.0
var Q=["pointerdown","pointermove","keydown","wheel","touchstart","touchmove"];var C="presence-alarm",X="let t;onmessage=(e)=>{clearTimeout(t);if(e.data[1]>=0)t=setTimeout(()=>postMessage(e.data[0]),e.data[1])}";if(typeof WorkerGlobalScope<
"u"&&globalThis.name===C){let o;globalThis.onmessage=({data:[e,t]})=>{clearTimeout(o),t>=0&&(o=setTimeout(()=>postMessage(e),t))}}function W(o){return{now:()=>performance.
now(),wall:()=>Date.now(),random:()=>Math.random(),id:()=>Array.from(crypto.getRandomValues(new Uint8Array(12)),e=>e.toString(16).padStart(2,"0")).join(""),timer:(e,t)=>{
let s=setTimeout(t,e);return()=>clearTimeout(s)},alarm:e=>new N(e,o),fetch:(e,t)=>fetch(e,t),socket:(e,t)=>{try{let s=new URL(e,location.href);return s.protocol=
s.protocol.replace("http","ws"),new WebSocket(s,t)}catch{return null}},storage:{get:(e,t)=>{try{return window[`${e}Storage`].getItem(t)}catch{return null}},set:(e,t,s)=>{
try{s===null?window[`${e}Storage`].removeItem(t):window[`${e}Storage`].setItem(t,s)}catch{}}},lock:ee,channel:te,page:se(),report:e=>typeof reportError=="functi\
on"?reportError(e):console.error(e)}}var N=class{#e;#t=0;#n;#r=1/0;#s=null;#i;#o;constructor(e,t){[this.#e,this.#i]=[e,t];let s=()=>this.#a(document.hidden);document.
addEventListener("visibilitychange",s),this.#o=()=>document.removeEventListener("visibilitychange",s),s()}set(e){let t=this.#t+=1;clearTimeout(this.#n),this.#r=
performance.now()+e,this.#n=setTimeout(()=>this.#h(t),e),this.#s?.postMessage([t,e])}clear(){this.#t+=1,this.#r=1/0,clearTimeout(this.#n),this.#s?.postMessage([
0,-1])}close(){this.clear(),this.#a(!1),this.#o()}#h(e){e===this.#t&&(this.clear(),this.#e())}#a(e){if(!e)this.#s?.terminate(),this.#s=null;else if(!this.#s)try{
this.#s=Z(this.#i),this.#s.onmessage=({data:t})=>this.#h(t),this.#s.onerror=t=>t.preventDefault(),this.#r<1/0&&this.#s.postMessage([this.#t,Math.max(0,this.#r-performance.
now())])}catch{}}};function Z(o){let e=import.meta.url,t=o??(/\/presence\.js(\?|$)/.test(e)&&new URL(e).origin===location.origin?e:void 0);if(t!==void 0)return new Worker(
t,{type:"module",name:C});let s=URL.createObjectURL(new Blob([X],{type:"text/javascript"}));try{return new Worker(s)}finally{URL.revokeObjectURL(s)}}function ee(o){
return new Promise(e=>{try{if(!navigator.locks)return e(void 0);let t=new AbortController,s=setTimeout(()=>t.abort(),1e3),i=()=>(clearTimeout(s),new Promise(n=>e(
n)));navigator.locks.request(o,{signal:t.signal},i).catch(n=>{clearTimeout(s),e(n instanceof DOMException&&n.name==="AbortError"?null:void 0)})}catch{e(void 0)}})}
function te(o,e){let t=null,s=()=>{t?.close(),t=null},i=()=>{try{return t=new BroadcastChannel(o),t.onmessage=({data:r})=>e(r),!0}catch{return!1}};if(!i())return null;
let n=new AbortController;return addEventListener("pagehide",s,{signal:n.signal}),addEventListener("pageshow",r=>r.persisted&&i(),{signal:n.signal}),{post:r=>t?.
postMessage(r),close:()=>{n.abort(),s()}}}function se(){return{hidden:()=>document.hidden,prerendering:()=>document.prerendering===!0,listen:o=>{let e=new AbortController,
{signal:t}=e,s=(i,n,r)=>{for(let h of n){let l=a=>{let c=typeof r=="string"?r:r(a);c&&o(c)};i.addEventListener(h,l,{passive:!0,capture:!0,signal:t})}};return s(
window,Q,i=>i.isTrusted?"activity":null),s(document,["visibilitychange"],()=>document.hidden?"hidden":"shown"),s(document,["freeze"],"frozen"),s(document,["resu\
me"],"resumed"),s(document,["prerenderingchange"],"activated"),s(window,["pagehide"],"gone"),s(window,["pageshow"],i=>i.persisted?"restored":null),s(window,["on\
line"],"online"),()=>e.abort()},lastWord:(o,e)=>{"keepalive"in Request.prototype?fetch(o,{...e,keepalive:!0}).catch(()=>{}):navigator.sendBeacon(o,e.body)}}}var d=(o,e,t=3e4)=>o.random()*Math.min(t,2e3*2**Math.max(0,e-1)),B=(o,e)=>e*(.8+.4*o.random());function u(o,e,...t){try{e(...t)}catch(s){o.report(s)}}function F(o,e,t,s){
return new Promise((i,n)=>{let r=o.timer(e,()=>n(new Error(`${t} took longer than ${e/1e3} s`)));s.then(i,n).finally(r)})}var ie=1e4,L=.8,w=class{#e;#t;#n=null;#r=1/0;#s=1/0;#i=null;#o=0;#h=null;#a=null;#c;constructor(e,t,s){this.#e=e,this.#t=t,this.#c=s}get last(){return this.#n}async get(){
if(!this.#t)return null;let e=this.#e.now();if(this.#n!==null&&this.#n!==this.#h&&e<this.#r)return this.#n;try{return await this.#l(this.#n===null?"first":this.#n===
this.#h?"refused":"expiring")}catch(t){if(this.#n!==null&&this.#n!==this.#h&&e<this.#s)return this.#n;throw t}}refuse(e){e!==null&&e===this.#n&&(this.#h=e)}forget(){
this.#o+=1,this.#i=null,this.#n=this.#h=null,this.#r=this.#s=1/0,this.#a?.()}#l(e){if(this.#i)return this.#i;let t=this.#o,s=new AbortController,i=(async()=>this.#t(
{signal:s.signal,reason:e}))(),n=F(this.#e,ie,"the token",i).then(r=>{if(t!==this.#o)throw new Error("the token is another user’s");if(typeof r!="string"||r===
"")throw new Error("the token is no text");return this.#i=null,this.#u(r,e),r},r=>{throw s.abort(),t===this.#o&&(this.#i=null),r});return this.#i=n,n}#u(e,t){let s=ne(
e,this.#e.wall());this.#n=e,this.#s=this.#e.now()+s,this.#r=this.#e.now()+L*s,this.#a?.();let i=Math.max(1e3,L*s);this.#a=i<2**31?this.#e.timer(i,()=>{this.get().
catch(()=>{})}):null,t!=="first"&&this.#c(e)}};function ne(o,e){try{let t=JSON.parse(atob(o.split(".")[1].replace(/-/g,"+").replace(/_/g,"/")));if(typeof t.exp!=
"number")return 1/0;let s=typeof t.iat=="number"?1e3*(t.exp-t.iat):1/0,i=1e3*t.exp-e;return i>0&&i<=s+6e4?i:Number.isFinite(s)?s:0}catch{return 1/0}}var p=({status:o})=>o>=200&&o<300,b=({status:o})=>o>=400&&o<500&&![401,408,425,429].includes(o),re=1e4,oe=4e3,y=class{#e;#t;#n;#r;constructor(e,t,s,i){this.#e=e,
this.#t=t,this.#n=s,this.#r=i}url(e){return(this.#t.url??"")+e}async headers(){return this.#s(await this.#n.get())}#s(e){let t={"content-type":"text/plain;chars\
et=UTF-8",...this.#t.headers?.()};return e!==null&&(t.authorization=`Bearer ${e}`),t}init(e,t){return{method:"POST",headers:e,body:t,cache:"no-store",credentials:this.#t.
credentials??"same-origin"}}async deliver(e){let t=await this.#i(e);return t.status!==401||this.#t.token===void 0?t:this.#i(e)}async#i(e){let t,s=null;try{s=await this.#n.
get(),t=this.#s(s)}catch(n){return{status:0,retryAfter:0,body:{error:String(n instanceof Error?n.message:n)},code:"token"}}let i=await this.#o(e,t);return i.status===
401&&this.#n.refuse(s),i}asNow(){let e=this.#s(this.#n.last);return t=>this.#o(t,e)}async#o(e,t){let s=this.#t.encode?this.#t.encode(e):e;if(s===null)return{status:200,
retryAfter:0,body:{},code:"network"};let i=new AbortController,n=this.#e.timer(oe,this.#r),r=this.#e.timer(re,()=>i.abort()),h={status:0,retryAfter:0,body:{error:"\
no answer"},code:"network"};try{let l=await this.#e.fetch(this.url("/v1/hit"),{...this.init(t,JSON.stringify(s)),signal:i.signal,keepalive:!0});n(),h.status=l.status,
h.retryAfter=1e3*Number(l.headers.get("retry-after"))||0,h.code=l.status<500?"refused":"server",h.body={error:`http ${l.status}`};let a=await l.json();typeof a==
"object"&&a!==null&&(h.body=a)}catch{}return n(),r(),h}lastWord(e){let t=this.#t.encode?this.#t.encode(e):e;t!==null&&this.#e.page.lastWord(this.url("/v1/hit"),
this.init(this.#s(this.#n.last),JSON.stringify(t)))}};var he=5e3,k=class{beat;result;#e;#t;#n;#r=0;#s=!1;#i=!1;#o=()=>{};#h;constructor(e,t,s,i){[this.#e,this.beat,this.#t,this.#n]=[e,t,s,e.now()+i],this.result=new Promise(
n=>this.#h=n),e.timer(he,()=>this.#h("unconfirmed")),this.again()}get isOver(){return this.#s}async again(){if(this.#s||this.#i)return;this.#o(),this.#i=!0;let e=await this.#t(
this.beat);if(this.#i=!1,!this.#s){if(p(e))return this.end("confirmed");if(b(e)||this.#e.now()>=this.#n)return this.end("unconfirmed");this.#r+=1,this.#o=this.#e.
timer(Math.max(e.retryAfter,200+d(this.#e,this.#r,8e3)),()=>{this.again()})}}end(e){this.#s=!0,this.#o(),this.#h(e)}};var j=3e5,ae=30*864e5,S=class{said;here=!1;isDegraded=!1;wanted=!1;stopped=!1;error=null;windows={active_for:3e5,lease_for:62500,idle_for:1/0};#e;#t;#n;#r;#s;#i=!1;#o=!1;#h=!1;#a=null;#c=!1;#l=0;#u=-1/0;#f;#p=null;#d=0;#v=0;#g=null;#m=-1/0;#y=[];constructor(e,t,s,i,n){
[this.#e,this.#t,this.said,this.#n,this.#r]=[e,t,s,i,n],s.status!==null&&(this.#d=1),this.#s=e.alarm(()=>{this.#S()})}get isLive(){return this.#i}get failures(){
return this.#l}resumeActivity(e){e!==null?this.#g={now:this.#e.now()-e,wall:this.#e.wall()-e}:!this.#e.page.hidden()&&!this.#e.page.prerendering()&&this.#_()}idleFor(){
return this.#g===null?null:Math.max(0,this.#e.now()-this.#g.now,this.#e.wall()-this.#g.wall)}enter(){if(this.wanted=!0,!this.#i){for(let e of this.#y)e.beat.session===
this.said.session&&e.beat.user===this.said.user&&e.end("unconfirmed");[this.#i,this.#o,this.#l,this.stopped,this.error]=[!0,!1,0,!1,null],this.#r(null),this.#S()}}leave(e){
if(this.wanted=!1,!this.#i)return Promise.resolve("confirmed");let t=this.#k(e);this.#r(null);let s=new k(this.#e,t,this.#n.asNow(),this.windows.lease_for);return this.#y=
[...this.#y.filter(i=>!i.isOver),s],s.result}become(e){this.said=e,this.#d=this.#v=e.status===null?0:this.#d+1,e.status!==null&&(this.#v=0),this.#f=void 0,this.#p=
null,this.#m=-1/0}#E(e){e!==void 0&&this.said.user===null&&(this.said={...this.said,user:e})}say(e){this.said={...this.said,...e},("status"in e||"message"in e||
"meta"in e)&&(this.#d+=1),this.soon()}moved(){[this.#o,this.#h]=[!1,!0],this.#f=void 0,this.soon()}soon(){this.#i&&(this.#a?this.#c=!0:this.#s.set(Math.max(0,this.#u+
(this.#l?1e3:100)-this.#e.now())))}away(){for(let e of this.#y)e.isOver||this.#n.lastWord(e.beat);this.#i&&this.#n.lastWord(this.#k(!1))}close(){this.#s.close()}#_(){
this.#g={now:this.#e.now(),wall:this.#e.wall()}}activity(){let e=this.idleFor();if(this.#e.page.hidden()||e!==null&&e<1e3)return;this.#_();let t=this.#t.activeFor??
this.windows.active_for;this.#l===0&&this.#e.now()-this.#m>=t/4&&this.soon()}reachable(){for(let e of this.#y)e.again();(this.#l||this.#e.now()-this.#u>=1e3)&&this.
soon()}#k(e){[this.#i,this.here,this.#a]=[!1,!1,null],this.#s.clear();let t={kind:"leave",session:this.said.session};return this.said.user!==null&&(t.user=this.
said.user),e&&(t.now=!0),this.#f!==void 0&&(t.placed_at=this.#f),t}async#S(){if(!this.#i||this.#a)return;let e=this.#a={},{said:t}=this,[s,i,n]=[this.#d,this.#g?.
now??-1/0,this.#f],r=this.#o?"beat":"enter",h=r==="enter"||t.topics!==this.#p;this.#c=this.#h=!1,this.#u=this.#e.now(),h&&(this.#f=void 0);let l={kind:r,session:t.
session,topics:[...t.topics],idle_ms:Math.round(this.idleFor()??ae)};t.user!==null&&(l.user=t.user),(r==="enter"||s!==this.#v)&&(t.status!==null&&(l.status=t.status),
t.status!==null&&t.message!==null&&(l.message=t.message),t.meta!==null&&(l.meta=t.meta));let a;try{a=await this.#n.deliver(l)}catch(c){this.#e.report(c),a={status:0,
retryAfter:0,body:{error:"the hit could not be made"},code:"protocol"}}this.#a===e&&(this.#a=null,p(a)?this.#b(a,{places:h,placedBefore:n,declared:s,touched:i,said:t}):
this.#A(a),this.#r(a),this.#c&&this.soon())}#b(e,t){let{body:s}=e,i=!t.places&&t.placedBefore!==void 0&&s.placed_at!==void 0&&s.placed_at>t.placedBefore;[this.#o,
this.#c]=[!i&&!this.#h,this.#c||i],[this.#l,this.error,this.here,this.isDegraded]=[0,null,!0,s.degraded===!0],[this.#m,this.#p,this.#v]=[t.touched,t.said.topics,
t.declared],this.#f=s.placed_at,this.#E(s.user),Number(s.active_for)>0&&(this.windows.active_for=Number(s.active_for)),Number(s.lease_for)>0&&(this.windows.lease_for=
Number(s.lease_for)),this.#s.set(B(this.#e,this.#O))}#A(e){this.#l+=1,this.here=!1;let t=e.body.error??"no answer";if(e.status===401||e.status===403){[this.#i,this.
stopped,this.error]=[!1,!0,{code:"refused",message:t}],this.#s.clear();return}let s=b(e)?Math.min(j,(1+this.#e.random())*this.#O*2**(this.#l-1)):d(this.#e,this.#l),
i=Math.max(s,Math.min(e.retryAfter*(1+.5*this.#e.random()),j));this.#s.set(i),this.error={code:e.code,message:t,retryIn:Math.round(i)}}get#O(){return this.#t.beatEvery??
Math.min(.4*this.windows.lease_for,.4*this.windows.idle_for)}};var E=class{#e="";#t=[];#n=0;#r="";#s=!0;#i;#o;constructor(e,t){[this.#i,this.#o]=[e,t]}push(e){let t=0;this.#s&&e!==""&&(this.#s=!1,e.charCodeAt(0)===65279&&(t=
1));let s=this.#e+e.slice(t),i=0;for(;;){let n=le(s,Math.max(i,i===0?this.#e.length-1:0));if(n<0||s[n]==="\r"&&n+1===s.length)break;this.#h(s.slice(i,n)),i=s[n]===
"\r"&&s[n+1]===`
`?n+2:n+1}if(this.#e=s.slice(i),this.#e.length+this.#n>33554432)throw new Error("an event is too large")}#h(e){if(e===""){this.#t.length&&this.#i(this.#r||"mess\
age",this.#t.join(`
`)),[this.#t,this.#r,this.#n]=[[],"",0];return}let t=e.indexOf(":");if(t===0)return;let s=t<0?e:e.slice(0,t),i=t<0?"":e.slice(e[t+1]===" "?t+2:t+1);if(s==="data"){
if(this.#t.push(i),this.#n+=i.length,this.#n>33554432)throw new Error("an event is too large")}else s==="event"?this.#r=i:s==="retry"&&/^\d+$/.test(i)&&this.#o(
Number(i))}};function le(o,e){for(let t=Math.max(0,e);t<o.length;t+=1){let s=o.charCodeAt(t);if(s===10||s===13)return t}return-1}var ce=4e3,ue=15e3,g=class{#e;#t;#n=null;#r=()=>{};#s=0;#i=0;#o=ue;#h;isOpen=!1;constructor(e,t,s){[this.#e,this.#t,this.#h]=[e,t,s]}get isClosed(){return this.#n===
null}open(){this.close(),this.#c(this.#n=new AbortController)}close(){this.#r(),this.#n?.abort(),this.#n=null,this.isOpen=!1}pingsEvery(e){e>0&&(this.#o=e)}#a(e){
return this.#n!==e}async#c(e){this.#i=0;let t={code:"network",message:"the stream ended"};try{let{url:s,init:i}=await this.#t.request();if(this.#a(e))return;this.#f(
ce,e);let n=await this.#e.fetch(s,{...i,signal:e.signal});if(this.#a(e))return;n.status===200&&n.body?(this.isOpen=!0,this.#t.opened(),await this.#l(n.body.getReader(),
e)):(n.status===401&&this.#t.refused(),this.#i=1e3*Number(n.headers.get("retry-after"))||(n.status<500&&n.status!==401?15e3:0),t={code:n.status<500?"refused":"s\
erver",message:`http ${n.status}`},await n.body?.cancel())}catch(s){if(this.#a(e))return;t={code:s instanceof _?"protocol":"network",message:s instanceof Error?
s.message:String(s)}}this.#a(e)||this.#p(t)}async#l(e,t){let s=new TextDecoder,i=new E((n,r)=>{if(!this.#a(t)){this.#i=0,this.#s=0;try{this.#t.heard(n,r)}catch(h){
throw new _(h instanceof Error?h.message:String(h))}}},n=>this.#i=n);for(this.#u(t);;){let{done:n,value:r}=await e.read();if(n||this.#a(t))return;i.push(s.decode(
r,{stream:!0})),this.#a(t)||this.#u(t)}}#u(e){this.#r(),this.#h&&this.#f(2*this.#o,e)}#f(e,t){this.#r=this.#e.timer(e,()=>{this.#a(t)||(t.abort(),this.#p({code:"\
network",message:"silence"}))})}#p(e){this.close(),this.#s+=1;let t=this.#i*(1+.2*this.#e.random()),s=Math.max(t,d(this.#e,this.#s,4e3)),i=this.#n=new AbortController;
this.#r=this.#e.timer(s,()=>{this.#a(i)||this.open()}),this.#t.lost({...e,retryIn:Math.round(s)})}},_=class extends Error{};var de=1e4,O=class{#e;#t;#n;#r="connecting";#s;#i=()=>{};#o=!1;constructor(e,t,s,i,n){[this.#e,this.#n,this.#s]=[e,i,n.whenHidden==="stream"],this.#t=new g(e,{request:async()=>{
let{body:r,...h}=t.init(await t.headers(),"");return{url:s,init:{...h,method:"GET"}}},heard:(r,h)=>{r==="message"&&(this.#r="live",u(e,i,JSON.parse(h),"live"))},
opened:()=>{},lost:()=>this.#h("retrying"),refused:()=>{}},n.silentFor!==void 0),n.silentFor!==void 0&&this.#t.pingsEvery(n.silentFor/2),this.#s||!(e.page.hidden()||
e.page.prerendering())?this.#t.open():this.#r="stale",u(e,i,null,this.#r)}shown(){this.#i(),!(this.#o||!this.#t.isClosed)&&(this.#h("connecting"),this.#t.open())}hidden(){
this.#i(),this.#s||(this.#i=this.#e.timer(de,()=>this.away()))}away(){this.#t.close(),this.#h("stale")}reconnect(){this.#t.isClosed||this.#t.open()}starving(){this.#t.
isClosed||this.away()}close(){this.#o=!0,this.#i(),this.#t.close()}#h(e){this.#r===e||this.#o||(this.#r=e,u(this.#e,this.#n,null,e))}};var fe=4e3,me=8e3,U=2,pe=[1002,1003,1007,1009,4403],ge=2e3,A=class{#e;#t;#n=null;#r=0;#s=()=>{};#i=0;#o=0;#h=null;#a=0;#c=new Map;#l=new Map;#u=new Map;isOpen=!1;isOver=!1;constructor(e,t){
[this.#e,this.#t]=[e,t]}get isClosed(){return this.#r%2===0}open(){!this.isClosed||this.isOver||(this.#r+=1,this.#p(this.#r))}close(){this.isClosed||(this.#r+=1,
this.#f())}#f(){this.#s();let e=this.#n;[this.#n,this.isOpen]=[null,!1],this.#l.clear(),e&&([e.onopen,e.onmessage,e.onclose]=[null,null,null],e.close());for(let t of[
...this.#c.values()])t({status:0,retryAfter:0,body:{error:"the socket closed"},code:"network"});this.#c.clear()}async#p(e){let t=null;try{let{url:s,token:i}=await this.#t.
address();if(e!==this.#r)return;t=this.#e.socket(s,i===null?[]:["bearer",i])}catch(s){return e!==this.#r?void 0:this.#d({code:"token",message:s instanceof Error?
s.message:String(s)},!1)}if(!t)return this.#d({code:"network",message:"no socket"},!0);this.#n=t,this.#o+=1,this.#s=this.#e.timer(fe,()=>this.#d({code:"network",
message:"no hello"},this.#o>=U)),t.onmessage=({data:s})=>{e===this.#r&&typeof s=="string"&&this.#v(s)},t.onclose=({code:s})=>{e===this.#r&&(s===4401&&this.#t.refused(),
this.#d({code:s>=4400?"refused":"network",message:`the socket closed (${s})`},pe.includes(s)||this.#o>=U))}}#d(e,t){this.#f(),this.isOver=t,this.#i+=1;let s=this.#h;
this.#h=null;let i=s===null?d(this.#e,this.#i,4e3):s;if(t)this.#r+=1;else{let n=this.#r;this.#s=this.#e.timer(i,()=>n===this.#r&&void this.#p(n))}this.#t.lost(t?
e:{...e,retryIn:Math.round(i)},t)}#v(e){try{let t=JSON.parse(e),s=String(t.type);s==="hello"?(this.#s(),[this.isOpen,this.#i,this.#o]=[!0,0,0],this.#t.opened(t)):
s==="reconnect"?this.#h=Math.max(0,Number(t.in)||0):s==="typing"?this.#t.typing(String(t.topic),String(t.user),t.value!==null&&t.value!==!1):s.startsWith("prese\
nce_")?this.#t.heard(s,{...t,scope:t.topic==null?"everyone":`topic:${t.topic}`}):typeof t.ref=="number"&&this.#g(s,t)}catch(t){this.#d({code:"protocol",message:t instanceof
Error?t.message:String(t)},!1)}}#g(e,t){let s=t.ref,i=this.#c.get(s);this.#c.delete(s);let n=e==="error"?Number(t.code)||500:200,r={};typeof t.error=="string"&&
(r.error=t.error),typeof t.user=="string"&&(r.user=t.user),i?.({status:n,retryAfter:0,body:r,code:n<500?"refused":"server"})}deliver({kind:e,...t}){return new Promise(
s=>{let i=this.#a+=1,n=this.#e.timer(me,()=>this.#d({code:"network",message:"silence"},!1));this.#c.set(i,r=>{n(),s(r)}),this.#m({type:e,ref:i,...t})})}lastWord(){
this.#m({type:"leave"})}auth(e){this.#m({type:"auth",token:e})}subscribe(e){let t=new Map;for(let n of e?.counts??[])t.set(n,{topic:n,counts:!0,messages:!1});for(let[
n,r]of Object.entries(e?.topics??{}))t.set(n,{topic:n,messages:!1,...r===null?{}:{version:r}});e?.everyone!==void 0&&t.set(null,{topic:null,messages:!1,...e.everyone===
!0?{}:{version:e.everyone}});let s=[...this.#l.keys()].filter(n=>!t.has(n)),i=[...t.values()].filter(n=>this.#l.get(n.topic)!==(n.counts===!0));for(let n of s)this.#l.
delete(n);for(let n of i)this.#l.set(n.topic,n.counts===!0);s.length&&this.#m({type:"unsubscribe",topics:s}),i.length&&this.#m({type:"subscribe",topics:i})}typing(e,t){
let s=this.#e.now();if(!(!this.isOpen||t&&s-(this.#u.get(e)??-1/0)<ge)){if(t)this.#u.set(e,s);else if(!this.#u.delete(e))return;this.#m({type:"typing",topic:e,value:t})}}#m(e){
try{this.#n?.send(JSON.stringify(e))}catch{}}};var ve=1e4,we=100,ye=3,be=1e4,ke=300,H=3e5,$=["hello","presence_view","presence_state","presence_diff","presence_counts"],P=class{#e;#t;#n;#r;socket;#s=!1;#i=()=>{};#o=()=>{};#h=()=>{};#a=()=>{};#c;#l=!1;#u=!1;#f=-1/0;#p=-1/0;#d=!1;#v;#g;#m=0;#y=!1;constructor(e,t,s,i,n,r){
[this.#e,this.#t,this.#n]=[e,i,n],this.#c=e.page.hidden()||e.page.prerendering(),this.#g=e.id(),this.#v=e.channel(`presence-streams ${r}`,h=>this.#A(h)),this.#r=
new g(e,{request:async()=>({url:t.url("/v1/sse"),init:t.init(await t.headers(),JSON.stringify(this.#E()))}),heard:(h,l)=>this.#P(h,l),opened:()=>this.#O(),lost:h=>this.#M(
h),refused:()=>s.refuse(s.last)},!0),this.socket=new A(e,{address:async()=>({url:t.url("/v1/ws"),token:await s.get()}),heard:(h,l)=>$.includes(h)&&this.heard(h,
l),typing:n.typing,opened:h=>this.#_(h),lost:(h,l)=>{h.code==="protocol"&&i.resync(),n.moved(),!(this.#c||this.#u)&&((l||h.code==="protocol")&&n.lost(h),i.connection(
!1),this.settle())},refused:()=>s.refuse(s.last)})}#E(){let e=this.#t.wanted();return this.socket.isOpen?{...e,topics:{},everyone:void 0,counts:[]}:e}offered(){
this.#s||(this.#s=!0,!this.#c&&!this.#u&&this.socket.open())}restart(){this.socket.close(),this.settle()}renewed(e){this.socket.isOpen&&this.socket.auth(e),this.#r.
isClosed||this.settle()}#_(e){this.#n.windows(e),this.#r.close(),this.#b(),this.#O(),this.#n.moved()}get isPaused(){return this.#c}get isWanted(){return!this.#u&&
!this.#t.isEmpty}get#k(){return this.#m>=ye||this.#e.now()<this.#p}settle(){this.#o(),this.#o=this.#e.timer(we,()=>this.#b())}shown(){this.#i(),this.#l=!1;let e=this.#c;
this.#c=!1,this.#m=0,(e||this.#r.isClosed&&!this.socket.isOpen)&&this.#b()}hidden(){this.#i(),this.#c||(this.#i=this.#e.timer(ve,()=>this.pause()))}pause(){this.#t.
streams&&!this.#l||(this.#c=!0,this.#S())}away(){this.#l=!0,this.pause()}reconnect(){this.socket.isOpen&&(this.socket.close(),this.#n.moved()),this.#b()}starving(){
if(this.#r.isClosed)return;let e=this.#e.now();e-this.#f<H&&(this.#p=e+H),this.#f=e,this.#d=!0,this.#S()}fed(){this.#d&&(this.#d=!1,this.#o(),this.#o=this.#e.timer(
500+1500*this.#e.random(),()=>this.#b()))}close(){this.#u=!0,this.#i(),this.#o(),this.#S(),this.#v?.close()}#S(){this.#l||this.#u?this.socket.close():this.socket.
isOpen&&this.socket.subscribe(null),this.#h(),this.#a(),this.#r.close(),this.#t.connection(!1)}#b(){if(this.#h(),this.#a(),this.#o(),this.#u||this.#c||this.#d){
this.#r.isClosed||this.#S();return}this.#s&&this.socket.open(),this.socket.isOpen&&(this.socket.subscribe(this.#t.wanted()),this.#t.connection(!0));let e=this.#E();
if(!Object.keys(e.topics).length&&e.everyone===void 0&&!e.users.length&&!e.counts.length){this.#r.close();return}this.#k||this.#v?.post({opens:this.#g}),this.#r.
open()}#A(e){let t=e?.opens;typeof t!="string"||t===this.#g||this.#r.isClosed||(this.#m+=1,this.#k&&this.#w())}#O(){this.#t.connection(!0),this.#n.opened(),this.#k&&
this.#w()}#M(e){e.code==="protocol"&&this.#t.resync(),this.#t.connection(!1),(e.code!=="protocol"||!this.#y)&&this.#n.lost(e),this.#y=e.code==="protocol"}#P(e,t){
if(this.#k&&this.#w(),!$.includes(e))return;let s=JSON.parse(t);if(typeof s!="object"||s===null)throw new Error(`${e} that is no object`);this.heard(e,s)}heard(e,t){
e==="hello"?(this.#r.pingsEvery(Number(t.ping_every)),this.#n.windows(t)):e==="presence_view"?this.#t.connection(!0,t.view==="stale"):(this.#t.heard(e,t),this.#y=
!1)}#w(){this.#a(),this.#a=this.#e.timer(ke,()=>{this.#r.close(),this.#h=this.#e.timer(be*(.8+.4*this.#e.random()),()=>this.#b())})}};var J={online:0,active:0,idle:0},v={joined:[],changed:[],left:[],reset:!1};function x(o){return o==="everyone"?"everyone":"topic"in o?`topic:${o.topic}`:"counts"in
o?o.counts===null?"#everyone":`#topic:${o.counts}`:`users:${JSON.stringify([...new Set(o.users)].sort())}`}var T=class{scope;name;members=new Map;version=null;counts=J;isKnown=!1;watchers=new Set;#e=null;constructor(e,t){
[this.scope,this.name]=[e,t]}view(e,t){return this.#e&&this.#e.state===e&&this.#e.stale===t?this.#e:this.#e={state:e,stale:t,members:new Map(this.members),counts:this.
counts}}live(e,t){return{state:e,stale:t,members:this.members,counts:this.counts}}touched(){this.#e=null}replace(e){let[t,s]=[this.members,!this.isKnown];this.members=
new Map;let[i,n]=[[],[]];for(let[h,l]of Object.entries(e)){let a=t.get(h),c=V(h,l,a);this.members.set(h,c),a?a!==c&&n.push(c):i.push(c)}let r=[...t.values()].filter(
({user:h})=>!this.members.has(h)).map(h=>({member:h,reason:"unseen"}));return this.#t(),this.isKnown=!0,{joined:s?[]:i,changed:n,left:r,reset:!0}}apply(e){let[t,
s]=[[],[]],i=[];for(let[n,r]of Object.entries(m(e.left??{}))){let h=this.members.get(n);h&&(this.members.delete(n),i.push({member:h,reason:m(r).reason==="lapsed"?
"lapsed":"left"}))}for(let[n,r]of Object.entries({...m(e.joined??{}),...m(e.changed??{})})){let h=this.members.get(n),l=V(n,r,h);h!==l&&(this.members.set(n,l),(h?
s:t).push(l))}return this.#t(),{joined:t,changed:s,left:i,reset:!1}}#t(){let e=0;for(let t of this.members.values())t.liveness==="active"&&(e+=1);this.counts={online:this.
members.size,active:e,idle:this.members.size-e}}},M=class{#e;#t=new Map;#n=null;#r="";#s;#i;isOpen=!1;serverIsStale=!1;constructor(e,t,s){[this.#e,this.#s,this.#i]=
[e,t,s]}get isEmpty(){return this.#t.size===0}get streams(){return[...this.#t.values()].some(e=>[...e.watchers].some(t=>t.streams))}get isStale(){return!this.isOpen||
this.serverIsStale}watch(e,t){let s=x(e),i=this.#t.get(s),n=!i;i||this.#t.set(s,i=new T(e,s));let r=i;r.watchers.add(t),n&&this.#s(),u(this.#e,t.seen,r.live(this.#i(),
this.isStale),v);let h=!1;return()=>{h||(h=!0,r.watchers.delete(t),this.#e.timer(1e3,()=>{r.watchers.size||this.#t.get(s)!==r||(this.#t.delete(s),this.#s())}))}}view(e){
return(this.#t.get(x(e))??new T(e,"")).view(this.#i(),this.isStale)}members(e){return this.#t.get(x(e))?.members??new Map}wanted(){let e={topics:{},everyone:void 0,
users:[],users_after:null,counts:[]},t=new Set;for(let{scope:i,version:n}of this.#t.values())if(i==="everyone")e.everyone=n??!0;else if("topic"in i)e.topics[i.topic]=
n;else if("counts"in i)e.counts.push(i.counts);else for(let r of i.users)t.add(r);e.users=[...t].sort();let s=JSON.stringify(e.users);return s!==this.#r&&([this.#n,
this.#r]=[null,s]),e.users_after=this.#n,e}forget(){this.#n=null;for(let e of this.#t.values())[e.members,e.version,e.counts,e.isKnown]=[new Map,null,J,!1],e.touched(),
this.#l(e,{...v,reset:!0})}resync(){this.#n=null;for(let e of this.#t.values())e.version=null}connection(e,t=this.serverIsStale){this.isOpen===e&&this.serverIsStale===
t||([this.isOpen,this.serverIsStale]=[e,t],this.restated())}restated(){for(let e of this.#t.values())this.#l(e,v)}heard(e,t){let s=t.scope;if(typeof s!="string")
throw new Error(`${e} without a scope`);if(e==="presence_counts")return this.#a(s,t);let i=e==="presence_state",n=t.version;if(typeof n!="string")throw new Error(
`${e} without a version`);if(i&&t.view&&(this.serverIsStale=t.view==="stale"),s==="users")return this.#h(i,n,t);let r=this.#t.get(s);if(!r)return;this.#o(i,r.version,
t);let h=i?r.replace(m(t.users)):r.apply(t);r.version=n,r.touched(),this.#l(r,h);let{online:l,active:a,idle:c}=r.counts;this.#c(`#${s}`,{online:l,active:a,idle:c})}#o(e,t,s){
if(!e&&s.from!==t)throw new Error("a diff that does not start where we are")}#h(e,t,s){this.#o(e,this.#n,s),this.#n=t;for(let i of this.#t.values()){if(i.scope===
"everyone"||!("users"in i.scope))continue;let n=new Set(i.scope.users),r=l=>Object.fromEntries(Object.entries(m(l??{})).filter(([a])=>n.has(a))),h=e?i.replace(r(
s.users)):i.apply({joined:r(s.joined),changed:r(s.changed),left:r(s.left)});!e&&!h.joined.length&&!h.changed.length&&!h.left.length||(i.touched(),this.#l(i,h))}}#a(e,t){
let[s,i,n]=[Number(t.online),Number(t.active),Number(t.idle)];if(![s,i,n].every(Number.isFinite))throw new Error("counts that are no numbers");this.#c(`#${e}`,{
online:s,active:i,idle:n});let r=this.#t.get(e);!r||t.large!==!0||([r.members,r.version,r.isKnown]=[new Map,null,!1],r.counts={online:s,active:i,idle:n},r.touched(),
this.#l(r,{...v,reset:!0}))}#c(e,t){let s=this.#t.get(e);if(!s)return;let{online:i,active:n,idle:r}=s.counts;s.isKnown&&i===t.online&&n===t.active&&r===t.idle||
([s.counts,s.isKnown]=[t,!0],s.touched(),this.#l(s,v))}#l(e,t){let s=e.live(this.#i(),this.isStale);for(let i of[...e.watchers])u(this.#e,i.seen,s,t)}};function m(o){
if(typeof o!="object"||o===null||Array.isArray(o))throw new Error("no object where one should be");return o}function V(o,e,t){let{liveness:s,status:i,message:n=null,
meta:r=null}=m(e),h={user:o,liveness:s==="active"?"active":"idle",status:i,message:n,meta:r};return t&&t.liveness===h.liveness&&t.status===i&&t.message===n&&JSON.
stringify(t.meta)===JSON.stringify(r)?t:h}var R="presence.session";async function K(o,e){if(e!==void 0)return{id:e,idleFor:null,release:()=>{}};let[t,s,i]=(o.storage.get("session",R)??"").split(" ");o.storage.
set("session",R,null);let n=o.wall()-Number(t);if(s&&Math.abs(n)<6e4){let h=await D(o,s);if(h){let l=i===void 0||i===""||!Number.isFinite(Number(i))?null:Number(
i)+Math.max(0,n);return{id:s,idleFor:l,release:h}}}let r=o.id();return{id:r,idleFor:null,release:await D(o,r)??(()=>{})}}function z(o,e,t){o.storage.set("sessio\
n",R,`${o.wall()} ${e} ${t===null?"":Math.round(t)}`)}function q(o){o.storage.set("session",R,null)}async function D(o,e){let t=await o.lock(`presence-session-${e}`);
return t===void 0?Se(o,e):t}function Se(o,e){return new Promise(t=>{let s=o.id(),i=!1,n=()=>{},r=o.channel("presence-sessions",h=>{let l=h;l?.id===e&&(l.takenFrom===
s||l.asks&&!i&&l.asks>s?(n(),r?.close(),t(null)):l.asks&&i&&r?.post({id:e,takenFrom:l.asks}))});if(!r)return t(()=>{});n=o.timer(80,()=>{i=!0,t(()=>r.close())}),
r.post({id:e,asks:s})})}function G(o,e={}){return new I(o,e)}function Ee(o){let e=o.storage.get("local","presence.user")??o.id();return o.storage.set("local","presence.user",e),e}var I=class{self;#e;#t;#n;#r;#s;#i;#o;#h=new Set;#a=null;#c=!1;#l=0;#u=!1;#f=null;#p=!1;#d;#v=new Set;#g=new Map;#m={
state:new Set,error:new Set,typing:new Set};#y;constructor(e,t){[this.#e,this.#t]=[e,t];let s=t.user===null?null:String(t.user??Ee(e));this.#n=new w(e,t.token,a=>this.#i.
renewed(a)),this.#r=new y(e,t,this.#n,()=>this.#S());let i={user:s,session:t.session??"",topics:[...t.topics??[]],status:t.status??null,message:t.message??null,
meta:t.meta??null},n=this.#r,r=()=>this.#i.socket.isOpen&&!t.encode,h={deliver:a=>r()?this.#i.socket.deliver(a):n.deliver(a),asNow:()=>{let a=n.asNow(),c=this.#l;
return f=>r()&&c===this.#l?this.#i.socket.deliver(f):a(f)},lastWord:a=>r()?this.#i.socket.lastWord():n.lastWord(a)};this.#s=new S(e,t,i,h,a=>this.#k(a)),this.#o=
new M(e,()=>this.#i.settle(),()=>this.#O());let l={opened:()=>this.#b(),lost:a=>this.#A(a),moved:()=>this.#s.moved(),typing:(a,c,f)=>{for(let Y of[...this.#m.typing])
u(e,Y,{topic:a,user:c,typing:f})},windows:({active_for:a=0,lease_for:c=0,idle_for:f=0})=>{f>0&&(this.#s.windows.idle_for=f),a>0&&(this.#s.windows.active_for=a),
c>0&&(this.#s.windows.lease_for=c)}};this.#i=new P(e,this.#r,this.#n,this.#o,l,t.url??""),this.#d=this.#P(),this.self={subscribe:a=>(this.#v.add(a),()=>this.#v.
delete(a)),getSnapshot:()=>this.#d},this.#y=e.page.listen(a=>this.#N(a)),this.#s.wanted=t.autoEnter!==!1,e.page.prerendering()||this.#E()}get user(){return this.#s.
said.user??""}get session(){return this.#s.said.session}async#E(){if(this.#a||this.#u)return;let e=await K(this.#e,this.#t.session);if(this.#u||this.#c||this.#a)
return e.release();this.#a=e,this.#s.said={...this.#s.said,session:e.id},this.#s.resumeActivity(e.idleFor??this.#s.idleFor()),this.#s.wanted&&this.#s.enter(),this.#w()}enter(){
this.#u||(this.#s.wanted=!0,this.#a&&this.#s.enter(),this.#w())}leave({now:e=!1}={}){let t=this.#s.leave(e);return this.#w(),t}destroy(){if(this.#u)return Promise.
resolve("confirmed");this.#u=!0;let e=this.leave();this.#y(),this.#s.close(),this.#i.close();for(let t of this.#h)t.close();return this.#h.clear(),this.#a?.release(),
e}setTopics(e){this.#_({topics:[...e]})}setStatus(e,t){this.#_({status:e,message:t===void 0?this.#s.said.message:t??""})}setMeta(e){this.#_({meta:e??{}})}#_(e){
this.#s.say(e),this.#w()}setUser(e,t={}){let s=e===null?null:String(e);if(s!==null&&s===this.#s.said.user)return Promise.resolve("confirmed");let i=this.#s.wanted,
n=this.#s.leave(!0);this.#n.forget(),this.#o.forget(),this.#a?.release();let r=this.#t.session??this.#e.id();this.#a&&(this.#a={id:r,idleFor:null,release:()=>{}});
let h=[...t.topics??this.#s.said.topics];return this.#s.become({user:s,session:this.#a?r:"",topics:h,status:null,message:null,meta:t.meta??null}),this.#l+=1,this.#i.
restart(),i&&this.enter(),this.#w(),n}typing(e,t=!0){this.#i.socket.typing(e,t)}watch(e,t,{whenHidden:s="pause"}={}){return this.#o.watch(e,{seen:t,streams:s===
"stream"})}watchUrl(e,t,s={}){let i=new O(this.#e,this.#r,e,t,s);return this.#h.add(i),()=>{i.close(),this.#h.delete(i)}}view(e){let t=JSON.stringify(e),s=this.#g.
get(t);return s||(s={subscribe:i=>this.#o.watch(e,{seen:()=>i(),streams:!1}),getSnapshot:()=>this.#o.view(e)},this.#g.set(t,s)),s}others(e){return[...this.#o.members(
{topic:e}).values()].filter(({user:t})=>t!==this.user)}on(e,t){let s=this.#m[e];return s.add(t),()=>s.delete(t)}#k(e){if(e?.body.ws===!0&&this.#t.transport!=="h\
ttp"&&!this.#t.encode&&this.#i.offered(),e&&e.status>0&&(this.#i.fed(),p(e)))for(let t of this.#h)this.#e.page.hidden()||t.shown();this.#w()}#S(){this.#i.starving();
for(let e of this.#h)e.starving()}#b(){this.#f=null,this.#p&&this.#s.reachable(),this.#p=!0,this.#w()}#A(e){this.#f=e,this.#w()}#O(){return this.#f?"retrying":this.#o.
isOpen?this.#o.serverIsStale?"stale":"live":this.#p||this.#i.isPaused?"stale":"connecting"}#M(){let e=this.#s;return!e.wanted||e.stopped?"stopped":e.failures>0?
"retrying":e.here?this.#i.isWanted?this.#O():"live":"connecting"}#P(){let{said:e,here:t}=this.#s,{topics:s,status:i,meta:n}=e,r=this.#M(),h=this.#s.error??(this.#i.
isWanted?this.#f:null);return{user:this.user,session:e.session,topics:s,status:i,message:e.message||null,meta:n,state:r,here:t,error:h}}#w(){let[e,t]=[this.#d,this.#P()];
if(!Object.keys(t).every(s=>t[s]===e[s])){this.#d=t,t.state!==e.state&&this.#o.restated();for(let s of[...this.#v])u(this.#e,s);for(let s of[...this.#m.state])u(
this.#e,s,t);if(t.error&&t.error!==e.error)for(let s of[...this.#m.error])u(this.#e,s,t.error)}}#N(e){if(e==="activity")this.#s.activity();else if(e==="shown")this.#T();else if(e===
"hidden"){this.#i.hidden();for(let t of this.#h)t.hidden()}else if(e==="gone")this.#I();else if(e==="restored")this.#C();else if(e==="frozen")this.#R();else if(e===
"resumed")this.#x();else if(e==="online"){this.#s.reachable(),this.#i.reconnect();for(let t of this.#h)t.reconnect()}else e==="activated"&&(this.#T(),this.#E());
this.#w()}#T(){this.#s.activity(),this.#i.shown();for(let e of this.#h)e.shown()}#R(){this.#i.away();for(let e of this.#h)e.away()}#x(){this.#s.reachable(),this.#e.
page.hidden()||this.#T()}#I(){this.#c=!0;let e=this.#a;this.#a=null,e&&this.#t.session===void 0&&z(this.#e,e.id,this.#s.idleFor()),e?.release(),this.#s.away(),this.#R()}#C(){
this.#c=!1,this.#e.page.hidden()||this.#T(),this.#E().finally(()=>{this.#t.session===void 0&&q(this.#e)})}};function at(o={}){return G(W(o.workerUrl),o)}function lt(o){let e=Math.floor((Date.now()-(o.idle_ms??0))/1e3);return o.kind==="leave"?null:{uid:o.user,last_activity:e}}export{lt as activeIdle,at as createPresence};
