// presence.js, built from client/src (6cbc957ad946d527): MIT OR Apache-2.0
var K=["pointerdown","pointermove","keydown","wheel","touchstart","touchmove"];var N="presence-alarm",z="let t;onmessage=(e)=>{clearTimeout(t);if(e.data[1]>=0)t=setTimeout(()=>postMessage(e.data[0]),e.data[1])}";if(typeof WorkerGlobalScope<
"u"&&globalThis.name===N){let r;globalThis.onmessage=({data:[e,t]})=>{clearTimeout(r),t>=0&&(r=setTimeout(()=>postMessage(e),t))}}function C(r){return{now:()=>performance.
now(),wall:()=>Date.now(),random:()=>Math.random(),id:()=>Array.from(crypto.getRandomValues(new Uint8Array(12)),e=>e.toString(16).padStart(2,"0")).join(""),timer:(e,t)=>{
let s=setTimeout(t,e);return()=>clearTimeout(s)},alarm:e=>new M(e,r),fetch:(e,t)=>fetch(e,t),socket:(e,t)=>{try{let s=new URL(e,location.href);return s.protocol=
s.protocol.replace("http","ws"),new WebSocket(s,t)}catch{return null}},storage:{get:(e,t)=>{try{return window[`${e}Storage`].getItem(t)}catch{return null}},set:(e,t,s)=>{
try{s===null?window[`${e}Storage`].removeItem(t):window[`${e}Storage`].setItem(t,s)}catch{}}},lock:G,channel:Y,page:Q(),report:e=>typeof reportError=="function"?
reportError(e):console.error(e)}}var M=class{#e;#s=0;#n;#r=1/0;#t=null;#i;#o;constructor(e,t){[this.#e,this.#i]=[e,t];let s=()=>this.#h(document.hidden);document.
addEventListener("visibilitychange",s),this.#o=()=>document.removeEventListener("visibilitychange",s),s()}set(e){let t=this.#s+=1;clearTimeout(this.#n),this.#r=
performance.now()+e,this.#n=setTimeout(()=>this.#a(t),e),this.#t?.postMessage([t,e])}clear(){this.#s+=1,this.#r=1/0,clearTimeout(this.#n),this.#t?.postMessage([
0,-1])}close(){this.clear(),this.#h(!1),this.#o()}#a(e){e===this.#s&&(this.clear(),this.#e())}#h(e){if(!e)this.#t?.terminate(),this.#t=null;else if(!this.#t)try{
this.#t=q(this.#i),this.#t.onmessage=({data:t})=>this.#a(t),this.#t.onerror=t=>t.preventDefault(),this.#r<1/0&&this.#t.postMessage([this.#s,Math.max(0,this.#r-performance.
now())])}catch{}}};function q(r){let e=import.meta.url,t=r??(/\/presence\.js(\?|$)/.test(e)&&new URL(e).origin===location.origin?e:void 0);if(t!==void 0)return new Worker(
t,{type:"module",name:N});let s=URL.createObjectURL(new Blob([z],{type:"text/javascript"}));try{return new Worker(s)}finally{URL.revokeObjectURL(s)}}function G(r){
return new Promise(e=>{try{if(!navigator.locks)return e(void 0);let t=new AbortController,s=setTimeout(()=>t.abort(),300),i=()=>(clearTimeout(s),new Promise(n=>e(
n)));navigator.locks.request(r,{signal:t.signal},i).catch(n=>{clearTimeout(s),e(n instanceof DOMException&&n.name==="AbortError"?null:void 0)})}catch{e(void 0)}})}
function Y(r,e){let t=null,s=()=>{t?.close(),t=null},i=()=>{try{return t=new BroadcastChannel(r),t.onmessage=({data:o})=>e(o),!0}catch{return!1}};if(!i())return null;
let n=new AbortController;return addEventListener("pagehide",s,{signal:n.signal}),addEventListener("pageshow",o=>o.persisted&&i(),{signal:n.signal}),{post:o=>t?.
postMessage(o),close:()=>{n.abort(),s()}}}function Q(){return{hidden:()=>document.hidden,prerendering:()=>document.prerendering===!0,listen:r=>{let e=new AbortController,
{signal:t}=e,s=(i,n,o)=>{for(let a of n){let h=l=>{let u=typeof o=="string"?o:o(l);u&&r(u)};i.addEventListener(a,h,{passive:!0,capture:!0,signal:t})}};return s(
window,K,i=>i.isTrusted?"activity":null),s(document,["visibilitychange"],()=>document.hidden?"hidden":"shown"),s(document,["freeze"],"frozen"),s(document,["resu\
me"],"resumed"),s(document,["prerenderingchange"],"activated"),s(window,["pagehide"],"gone"),s(window,["pageshow"],i=>i.persisted?"restored":null),s(window,["on\
line"],"online"),()=>e.abort()},lastWord:(r,e)=>{"keepalive"in Request.prototype?fetch(r,{...e,keepalive:!0}).catch(()=>{}):navigator.sendBeacon(r,e.body)}}}var f=(r,e,t=3e4)=>r.random()*Math.min(t,2e3*2**Math.max(0,e-1)),I=(r,e)=>e*(.8+.4*r.random());function c(r,e,...t){try{e(...t)}catch(s){r.report(s)}}function W(r,e,t,s){
return new Promise((i,n)=>{let o=r.timer(e,()=>n(new Error(`${t} took longer than ${e/1e3} s`)));s.then(i,n).finally(o)})}var X=1e4,F=.8,g=class{#e;#s;#n=null;#r=1/0;#t=1/0;#i=null;#o=0;#a=null;#h=null;#l;constructor(e,t,s){this.#e=e,this.#s=t,this.#l=s}get last(){return this.#n}async get(){
if(!this.#s)return null;let e=this.#e.now();if(this.#n!==null&&this.#n!==this.#a&&e<this.#r)return this.#n;try{return await this.#d(this.#n===null?"first":this.#n===
this.#a?"refused":"expiring")}catch(t){if(this.#n!==null&&this.#n!==this.#a&&e<this.#t)return this.#n;throw t}}refuse(e){e!==null&&e===this.#n&&(this.#a=e)}forget(){
this.#o+=1,this.#i=null,this.#n=this.#a=null,this.#r=this.#t=1/0,this.#h?.()}#d(e){if(this.#i)return this.#i;let t=this.#o,s=new AbortController,i=(async()=>this.#s(
{signal:s.signal,reason:e}))(),n=W(this.#e,X,"the token",i).then(o=>{if(t!==this.#o)throw new Error("the token is another user’s");if(typeof o!="string"||o===
"")throw new Error("the token is no text");return this.#i=null,this.#c(o,e),o},o=>{throw s.abort(),t===this.#o&&(this.#i=null),o});return this.#i=n,n}#c(e,t){let s=Z(
e,this.#e.wall());this.#n=e,this.#t=this.#e.now()+s,this.#r=this.#e.now()+F*s,this.#h?.();let i=Math.max(1e3,F*s);this.#h=i<2**31?this.#e.timer(i,()=>{this.get().
catch(()=>{})}):null,t!=="first"&&this.#l(e)}};function Z(r,e){try{let t=JSON.parse(atob(r.split(".")[1].replace(/-/g,"+").replace(/_/g,"/")));if(typeof t.exp!=
"number")return 1/0;let s=typeof t.iat=="number"?1e3*(t.exp-t.iat):1/0,i=1e3*t.exp-e;return i>0&&i<=s+6e4?i:Number.isFinite(s)?s:0}catch{return 1/0}}var m=({status:r})=>r>=200&&r<300,w=({status:r})=>r>=400&&r<500&&![401,408,425,429].includes(r),ee=1e4,te=4e3,v=class{#e;#s;#n;#r;constructor(e,t,s,i){this.#e=e,
this.#s=t,this.#n=s,this.#r=i}url(e){return(this.#s.url??"")+e}async headers(){return this.#t(await this.#n.get())}#t(e){let t={"content-type":"text/plain;chars\
et=UTF-8",...this.#s.headers?.()};return e!==null&&(t.authorization=`Bearer ${e}`),t}init(e,t){return{method:"POST",headers:e,body:t,cache:"no-store",credentials:this.#s.
credentials??"same-origin"}}async deliver(e){let t=await this.#i(e);return t.status!==401||this.#s.token===void 0?t:this.#i(e)}async#i(e){let t,s=null;try{s=await this.#n.
get(),t=this.#t(s)}catch(n){return{status:0,retryAfter:0,body:{error:String(n instanceof Error?n.message:n)},code:"token"}}let i=await this.#o(e,t);return i.status===
401&&this.#n.refuse(s),i}asNow(){let e=this.#t(this.#n.last);return t=>this.#o(t,e)}async#o(e,t){let s=this.#s.encode?this.#s.encode(e):e;if(s===null)return{status:200,
retryAfter:0,body:{},code:"network"};let i=new AbortController,n=this.#e.timer(te,this.#r),o=this.#e.timer(ee,()=>i.abort()),a={status:0,retryAfter:0,body:{error:"\
no answer"},code:"network"};try{let h=await this.#e.fetch(this.url("/v1/hit"),{...this.init(t,JSON.stringify(s)),signal:i.signal,keepalive:!0});n(),a.status=h.status,
a.retryAfter=1e3*Number(h.headers.get("retry-after"))||0,a.code=h.status<500?"refused":"server",a.body={error:`http ${h.status}`};let l=await h.json();typeof l==
"object"&&l!==null&&(a.body=l)}catch{}return n(),o(),a}lastWord(e){let t=this.#s.encode?this.#s.encode(e):e;t!==null&&this.#e.page.lastWord(this.url("/v1/hit"),
this.init(this.#t(this.#n.last),JSON.stringify(t)))}};var se=5e3,b=class{beat;result;#e;#s;#n;#r=0;#t=!1;#i=!1;#o=()=>{};#a;constructor(e,t,s,i){[this.#e,this.beat,this.#s,this.#n]=[e,t,s,e.now()+i],this.result=new Promise(
n=>this.#a=n),e.timer(se,()=>this.#a("unconfirmed")),this.again()}get isOver(){return this.#t}async again(){if(this.#t||this.#i)return;this.#o(),this.#i=!0;let e=await this.#s(
this.beat);if(this.#i=!1,!this.#t){if(m(e))return this.end("confirmed");if(w(e)||this.#e.now()>=this.#n)return this.end("unconfirmed");this.#r+=1,this.#o=this.#e.
timer(Math.max(e.retryAfter,200+f(this.#e,this.#r,8e3)),()=>{this.again()})}}end(e){this.#t=!0,this.#o(),this.#a(e)}};var B=3e5,ie=30*864e5,y=class{said;here=!1;isDegraded=!1;wanted=!1;stopped=!1;error=null;windows={active_for:3e5,lease_for:62500};#e;#s;#n;#r;#t;#i=!1;#o=!1;#a=null;#h=!1;#l=0;#d=-1/0;#c;#f=null;#u=0;#p=0;#m=null;#v=-1/0;#g=[];constructor(e,t,s,i,n){
[this.#e,this.#s,this.said,this.#n,this.#r]=[e,t,s,i,n],s.status!==null&&(this.#u=1),this.#t=e.alarm(()=>{this.#k()})}get isLive(){return this.#i}get failures(){
return this.#l}resumeActivity(e){e!==null?this.#m={now:this.#e.now()-e,wall:this.#e.wall()-e}:!this.#e.page.hidden()&&!this.#e.page.prerendering()&&this.#w()}idleFor(){
return this.#m===null?null:Math.max(0,this.#e.now()-this.#m.now,this.#e.wall()-this.#m.wall)}enter(){if(this.wanted=!0,!this.#i){for(let e of this.#g)e.beat.session===
this.said.session&&e.beat.user===this.said.user&&e.end("unconfirmed");[this.#i,this.#o,this.#l,this.stopped,this.error]=[!0,!1,0,!1,null],this.#r(null),this.#k()}}leave(e){
if(this.wanted=!1,!this.#i)return Promise.resolve("confirmed");let t=this.#y(e);this.#r(null);let s=new b(this.#e,t,this.#n.asNow(),this.windows.lease_for);return this.#g=
[...this.#g.filter(i=>!i.isOver),s],s.result}become(e){this.said=e,this.#u=this.#p=e.status===null?0:this.#u+1,e.status!==null&&(this.#p=0),this.#c=void 0,this.#f=
null,this.#v=-1/0}#b(e){e!==void 0&&this.said.user===null&&(this.said={...this.said,user:e})}say(e){this.said={...this.said,...e},("status"in e||"message"in e||
"meta"in e)&&(this.#u+=1),this.soon()}soon(){this.#i&&(this.#a?this.#h=!0:this.#t.set(Math.max(0,this.#d+(this.#l?1e3:100)-this.#e.now())))}away(){for(let e of this.#g)
e.isOver||this.#n.lastWord(e.beat);this.#i&&this.#n.lastWord(this.#y(!1))}close(){this.#t.close()}#w(){this.#m={now:this.#e.now(),wall:this.#e.wall()}}activity(){
let e=this.idleFor();if(this.#e.page.hidden()||e!==null&&e<1e3)return;this.#w();let t=this.#s.activeFor??this.windows.active_for;this.#l===0&&this.#e.now()-this.#v>=
t/4&&this.soon()}reachable(){for(let e of this.#g)e.again();(this.#l||this.#e.now()-this.#d>=1e3)&&this.soon()}#y(e){[this.#i,this.here,this.#a]=[!1,!1,null],this.#t.
clear();let t={kind:"leave",session:this.said.session};return this.said.user!==null&&(t.user=this.said.user),e&&(t.now=!0),this.#c!==void 0&&(t.placed_at=this.#c),
t}async#k(){if(!this.#i||this.#a)return;let e=this.#a={},{said:t}=this,[s,i,n]=[this.#u,this.#m?.now??-1/0,this.#c],o=this.#o?"beat":"enter",a=o==="enter"||t.topics!==
this.#f;this.#h=!1,this.#d=this.#e.now(),a&&(this.#c=void 0);let h={kind:o,session:t.session,topics:[...t.topics],idle_ms:Math.round(this.idleFor()??ie)};t.user!==
null&&(h.user=t.user),(o==="enter"||s!==this.#p)&&(t.status!==null&&(h.status=t.status),t.status!==null&&t.message!==null&&(h.message=t.message),t.meta!==null&&
(h.meta=t.meta));let l;try{l=await this.#n.deliver(h)}catch(u){this.#e.report(u),l={status:0,retryAfter:0,body:{error:"the hit could not be made"},code:"protoco\
l"}}this.#a===e&&(this.#a=null,m(l)?this.#_(l,{places:a,placedBefore:n,declared:s,touched:i,said:t}):this.#A(l),this.#r(l),this.#h&&this.soon())}#_(e,t){let{body:s}=e,
i=!t.places&&t.placedBefore!==void 0&&s.placed_at!==void 0&&s.placed_at>t.placedBefore;[this.#o,this.#h]=[!i,this.#h||i],[this.#l,this.error,this.here,this.isDegraded]=
[0,null,!0,s.degraded===!0],[this.#v,this.#f,this.#p]=[t.touched,t.said.topics,t.declared],this.#c=s.placed_at,this.#b(s.user),Number(s.active_for)>0&&(this.windows.
active_for=Number(s.active_for)),Number(s.lease_for)>0&&(this.windows.lease_for=Number(s.lease_for)),this.#t.set(I(this.#e,this.#E))}#A(e){this.#l+=1,this.here=
!1;let t=e.body.error??"no answer";if(e.status===401||e.status===403){[this.#i,this.stopped,this.error]=[!1,!0,{code:"refused",message:t}],this.#t.clear();return}
let s=w(e)?Math.min(B,(1+this.#e.random())*this.#E*2**(this.#l-1)):f(this.#e,this.#l),i=Math.max(s,Math.min(e.retryAfter*(1+.5*this.#e.random()),B));this.#t.set(
i),this.error={code:e.code,message:t,retryIn:Math.round(i)}}get#E(){return this.#s.beatEvery??.4*this.windows.lease_for}};var S=class{#e="";#s=[];#n=0;#r="";#t=!0;#i;#o;constructor(e,t){[this.#i,this.#o]=[e,t]}push(e){let t=0;this.#t&&e!==""&&(this.#t=!1,e.charCodeAt(0)===65279&&(t=
1));let s=this.#e+e.slice(t),i=0;for(;;){let n=ne(s,Math.max(i,i===0?this.#e.length-1:0));if(n<0||s[n]==="\r"&&n+1===s.length)break;this.#a(s.slice(i,n)),i=s[n]===
"\r"&&s[n+1]===`
`?n+2:n+1}if(this.#e=s.slice(i),this.#e.length+this.#n>33554432)throw new Error("an event is too large")}#a(e){if(e===""){this.#s.length&&this.#i(this.#r||"mess\
age",this.#s.join(`
`)),[this.#s,this.#r,this.#n]=[[],"",0];return}let t=e.indexOf(":");if(t===0)return;let s=t<0?e:e.slice(0,t),i=t<0?"":e.slice(e[t+1]===" "?t+2:t+1);if(s==="data"){
if(this.#s.push(i),this.#n+=i.length,this.#n>33554432)throw new Error("an event is too large")}else s==="event"?this.#r=i:s==="retry"&&/^\d+$/.test(i)&&this.#o(
Number(i))}};function ne(r,e){for(let t=Math.max(0,e);t<r.length;t+=1){let s=r.charCodeAt(t);if(s===10||s===13)return t}return-1}var re=4e3,oe=15e3,p=class{#e;#s;#n=null;#r=()=>{};#t=0;#i=0;#o=oe;#a;isOpen=!1;constructor(e,t,s){[this.#e,this.#s,this.#a]=[e,t,s]}get isClosed(){return this.#n===
null}open(){this.close(),this.#l(this.#n=new AbortController)}close(){this.#r(),this.#n?.abort(),this.#n=null,this.isOpen=!1}pingsEvery(e){e>0&&(this.#o=e)}#h(e){
return this.#n!==e}async#l(e){this.#i=0;let t={code:"network",message:"the stream ended"};try{let{url:s,init:i}=await this.#s.request();if(this.#h(e))return;this.#f(
re,e);let n=await this.#e.fetch(s,{...i,signal:e.signal});if(this.#h(e))return;n.status===200&&n.body?(this.isOpen=!0,this.#s.opened(),await this.#d(n.body.getReader(),
e)):(n.status===401&&this.#s.refused(),this.#i=1e3*Number(n.headers.get("retry-after"))||(n.status<500&&n.status!==401?15e3:0),t={code:n.status<500?"refused":"s\
erver",message:`http ${n.status}`},await n.body?.cancel())}catch(s){if(this.#h(e))return;t={code:s instanceof E?"protocol":"network",message:s instanceof Error?
s.message:String(s)}}this.#h(e)||this.#u(t)}async#d(e,t){let s=new TextDecoder,i=new S((n,o)=>{if(!this.#h(t)){this.#i=0,this.#t=0;try{this.#s.heard(n,o)}catch(a){
throw new E(a instanceof Error?a.message:String(a))}}},n=>this.#i=n);for(this.#c(t);;){let{done:n,value:o}=await e.read();if(n||this.#h(t))return;i.push(s.decode(
o,{stream:!0})),this.#h(t)||this.#c(t)}}#c(e){this.#r(),this.#a&&this.#f(2*this.#o,e)}#f(e,t){this.#r=this.#e.timer(e,()=>{this.#h(t)||(t.abort(),this.#u({code:"\
network",message:"silence"}))})}#u(e){this.close(),this.#t+=1;let t=this.#i*(1+.2*this.#e.random()),s=Math.max(t,f(this.#e,this.#t,4e3)),i=this.#n=new AbortController;
this.#r=this.#e.timer(s,()=>{this.#h(i)||this.open()}),this.#s.lost({...e,retryIn:Math.round(s)})}},E=class extends Error{};var ae=1e4,k=class{#e;#s;#n;#r="connecting";#t;#i=()=>{};#o=!1;constructor(e,t,s,i,n){[this.#e,this.#n,this.#t]=[e,i,n.whenHidden==="stream"],this.#s=new p(e,{request:async()=>{
let{body:o,...a}=t.init(await t.headers(),"");return{url:s,init:{...a,method:"GET"}}},heard:(o,a)=>{o==="message"&&(this.#r="live",c(e,i,JSON.parse(a),"live"))},
opened:()=>{},lost:()=>this.#a("retrying"),refused:()=>{}},n.silentFor!==void 0),n.silentFor!==void 0&&this.#s.pingsEvery(n.silentFor/2),this.#t||!(e.page.hidden()||
e.page.prerendering())?this.#s.open():this.#r="stale",c(e,i,null,this.#r)}shown(){this.#i(),!(this.#o||!this.#s.isClosed)&&(this.#a("connecting"),this.#s.open())}hidden(){
this.#i(),this.#t||(this.#i=this.#e.timer(ae,()=>this.away()))}away(){this.#s.close(),this.#a("stale")}reconnect(){this.#s.isClosed||this.#s.open()}starving(){this.#s.
isClosed||this.away()}close(){this.#o=!0,this.#i(),this.#s.close()}#a(e){this.#r===e||this.#o||(this.#r=e,c(this.#e,this.#n,null,e))}};var he=1e4,le=100,ce=3,ue=1e4,de=300,j=3e5,fe=["hello","presence_view","presence_state","presence_diff","presence_counts"],_=class{#e;#s;#n;#r;#t=()=>{};#i=()=>{};#o=()=>{};#a=()=>{};#h;#l=!1;#d=!1;#c=-1/0;#f=-1/0;#u=!1;#p;#m;#v=0;#g=!1;constructor(e,t,s,i,n,o){
[this.#e,this.#s,this.#n]=[e,i,n],this.#h=e.page.hidden()||e.page.prerendering(),this.#m=e.id(),this.#p=e.channel(`presence-streams ${o}`,a=>this.#k(a)),this.#r=
new p(e,{request:async()=>({url:t.url("/v1/sse"),init:t.init(await t.headers(),JSON.stringify(i.wanted()))}),heard:(a,h)=>this.#E(a,h),opened:()=>this.#_(),lost:a=>this.#A(
a),refused:()=>s.refuse(s.last)},!0)}get isPaused(){return this.#h}get isWanted(){return!this.#d&&!this.#s.isEmpty}get#b(){return this.#v>=ce||this.#e.now()<this.#f}settle(){
this.#i(),this.#i=this.#e.timer(le,()=>this.#y())}shown(){this.#t(),this.#l=!1;let e=this.#h;this.#h=!1,this.#v=0,(e||this.#r.isClosed)&&this.#y()}hidden(){this.#t(),
this.#h||(this.#t=this.#e.timer(he,()=>this.pause()))}pause(){this.#s.streams&&!this.#l||(this.#h=!0,this.#w())}away(){this.#l=!0,this.pause()}reconnect(){this.#r.
isClosed||this.#y()}starving(){if(this.#r.isClosed)return;let e=this.#e.now();e-this.#c<j&&(this.#f=e+j),this.#c=e,this.#u=!0,this.#w()}fed(){this.#u&&(this.#u=
!1,this.#i(),this.#i=this.#e.timer(500+1500*this.#e.random(),()=>this.#y()))}close(){this.#d=!0,this.#t(),this.#i(),this.#w(),this.#p?.close()}#w(){this.#o(),this.#a(),
this.#r.close(),this.#s.connection(!1)}#y(){if(this.#o(),this.#a(),this.#i(),!this.isWanted||this.#h||this.#u){this.#r.isClosed||this.#w();return}this.#b||this.#p?.
post({opens:this.#m}),this.#r.open()}#k(e){let t=e?.opens;typeof t!="string"||t===this.#m||this.#r.isClosed||(this.#v+=1,this.#b&&this.#P())}#_(){this.#s.connection(
!0),this.#n.opened(),this.#b&&this.#P()}#A(e){e.code==="protocol"&&this.#s.resync(),this.#s.connection(!1),(e.code!=="protocol"||!this.#g)&&this.#n.lost(e),this.#g=
e.code==="protocol"}#E(e,t){if(this.#b&&this.#P(),!fe.includes(e))return;let s=JSON.parse(t);if(typeof s!="object"||s===null)throw new Error(`${e} that is no ob\
ject`);this.heard(e,s)}heard(e,t){e==="hello"?(this.#r.pingsEvery(Number(t.ping_every)),this.#n.windows(t)):e==="presence_view"?this.#s.connection(!0,t.view==="\
stale"):(this.#s.heard(e,t),this.#g=!1)}#P(){this.#a(),this.#a=this.#e.timer(de,()=>{this.#r.close(),this.#o=this.#e.timer(ue*(.8+.4*this.#e.random()),()=>this.#y())})}};var U={online:0,active:0,idle:0},A={joined:[],changed:[],left:[],reset:!1};function R(r){return r==="everyone"?"everyone":"topic"in r?`topic:${r.topic}`:"counts"in
r?r.counts===null?"#everyone":`#topic:${r.counts}`:`users:${JSON.stringify([...new Set(r.users)].sort())}`}var P=class{scope;name;members=new Map;version=null;counts=U;isKnown=!1;watchers=new Set;#e=null;constructor(e,t){
[this.scope,this.name]=[e,t]}view(e,t){return this.#e&&this.#e.state===e&&this.#e.stale===t?this.#e:this.#e={state:e,stale:t,members:new Map(this.members),counts:this.
counts}}live(e,t){return{state:e,stale:t,members:this.members,counts:this.counts}}touched(){this.#e=null}replace(e){let[t,s]=[this.members,!this.isKnown];this.members=
new Map;let[i,n]=[[],[]];for(let[a,h]of Object.entries(e)){let l=t.get(a),u=L(a,h,l);this.members.set(a,u),l?l!==u&&n.push(u):i.push(u)}let o=[...t.values()].filter(
({user:a})=>!this.members.has(a)).map(a=>({member:a,reason:"unseen"}));return this.#s(),this.isKnown=!0,{joined:s?[]:i,changed:n,left:o,reset:!0}}apply(e){let[t,
s]=[[],[]],i=[];for(let[n,o]of Object.entries(d(e.left??{}))){let a=this.members.get(n);a&&(this.members.delete(n),i.push({member:a,reason:d(o).reason==="lapsed"?
"lapsed":"left"}))}for(let[n,o]of Object.entries({...d(e.joined??{}),...d(e.changed??{})})){let a=this.members.get(n),h=L(n,o,a);a!==h&&(this.members.set(n,h),(a?
s:t).push(h))}return this.#s(),{joined:t,changed:s,left:i,reset:!1}}#s(){let e=0;for(let t of this.members.values())t.liveness==="active"&&(e+=1);this.counts={online:this.
members.size,active:e,idle:this.members.size-e}}},O=class{#e;#s=new Map;#n=null;#r="";#t;#i;isOpen=!1;serverIsStale=!1;constructor(e,t,s){[this.#e,this.#t,this.#i]=
[e,t,s]}get isEmpty(){return this.#s.size===0}get streams(){return[...this.#s.values()].some(e=>[...e.watchers].some(t=>t.streams))}get isStale(){return!this.isOpen||
this.serverIsStale}watch(e,t){let s=R(e),i=this.#s.get(s),n=!i;i||this.#s.set(s,i=new P(e,s));let o=i;o.watchers.add(t),n&&this.#t(),c(this.#e,t.seen,o.live(this.#i(),
this.isStale),A);let a=!1;return()=>{a||(a=!0,o.watchers.delete(t),this.#e.timer(1e3,()=>{o.watchers.size||this.#s.get(s)!==o||(this.#s.delete(s),this.#t())}))}}view(e){
return(this.#s.get(R(e))??new P(e,"")).view(this.#i(),this.isStale)}members(e){return this.#s.get(R(e))?.members??new Map}wanted(){let e={topics:{},everyone:void 0,
users:[],users_after:null,counts:[]},t=new Set;for(let{scope:i,version:n}of this.#s.values())if(i==="everyone")e.everyone=n??!0;else if("topic"in i)e.topics[i.topic]=
n;else if("counts"in i)e.counts.push(i.counts);else for(let o of i.users)t.add(o);e.users=[...t].sort();let s=JSON.stringify(e.users);return s!==this.#r&&([this.#n,
this.#r]=[null,s]),e.users_after=this.#n,e}forget(){this.#n=null;for(let e of this.#s.values())[e.members,e.version,e.counts,e.isKnown]=[new Map,null,U,!1],e.touched(),
this.#l(e,{...A,reset:!0})}resync(){this.#n=null;for(let e of this.#s.values())e.version=null}connection(e,t=this.serverIsStale){this.isOpen===e&&this.serverIsStale===
t||([this.isOpen,this.serverIsStale]=[e,t],this.restated())}restated(){for(let e of this.#s.values())this.#l(e,A)}heard(e,t){let s=t.scope;if(typeof s!="string")
throw new Error(`${e} without a scope`);if(e==="presence_counts")return this.#h(s,t);let i=e==="presence_state",n=t.version;if(typeof n!="string")throw new Error(
`${e} without a version`);if(i&&t.view&&(this.serverIsStale=t.view==="stale"),s==="users")return this.#a(i,n,t);let o=this.#s.get(s);if(!o)return;this.#o(i,o.version,
t);let a=i?o.replace(d(t.users)):o.apply(t);o.version=n,o.touched(),this.#l(o,a)}#o(e,t,s){if(!e&&s.from!==t)throw new Error("a diff that does not start where w\
e are")}#a(e,t,s){this.#o(e,this.#n,s),this.#n=t;for(let i of this.#s.values()){if(i.scope==="everyone"||!("users"in i.scope))continue;let n=new Set(i.scope.users),
o=h=>Object.fromEntries(Object.entries(d(h??{})).filter(([l])=>n.has(l))),a=e?i.replace(o(s.users)):i.apply({joined:o(s.joined),changed:o(s.changed),left:o(s.left)});
!e&&!a.joined.length&&!a.changed.length&&!a.left.length||(i.touched(),this.#l(i,a))}}#h(e,t){let s=this.#s.get(`#${e}`);if(!s)return;let[i,n,o]=[Number(t.online),
Number(t.active),Number(t.idle)];if(![i,n,o].every(Number.isFinite))throw new Error("counts that are no numbers");s.counts={online:i,active:n,idle:o},s.isKnown=
!0,s.touched(),this.#l(s,A)}#l(e,t){let s=e.live(this.#i(),this.isStale);for(let i of[...e.watchers])c(this.#e,i.seen,s,t)}};function d(r){if(typeof r!="object"||
r===null||Array.isArray(r))throw new Error("no object where one should be");return r}function L(r,e,t){let{liveness:s,status:i,message:n=null,meta:o=null}=d(e),
a={user:r,liveness:s==="active"?"active":"idle",status:i,message:n,meta:o};return t&&t.liveness===a.liveness&&t.status===i&&t.message===n&&JSON.stringify(t.meta)===
JSON.stringify(o)?t:a}var T="presence.session";async function H(r,e){if(e!==void 0)return{id:e,idleFor:null,release:()=>{}};let[t,s,i]=(r.storage.get("session",T)??"").split(" ");r.storage.
set("session",T,null);let n=r.wall()-Number(t);if(s&&Math.abs(n)<6e4){let a=await $(r,s);if(a){let h=i===void 0||i===""||!Number.isFinite(Number(i))?null:Number(
i)+Math.max(0,n);return{id:s,idleFor:h,release:a}}}let o=r.id();return{id:o,idleFor:null,release:await $(r,o)??(()=>{})}}function V(r,e,t){r.storage.set("sessio\
n",T,`${r.wall()} ${e} ${t===null?"":Math.round(t)}`)}function J(r){r.storage.set("session",T,null)}async function $(r,e){let t=await r.lock(`presence-session-${e}`);
return t===void 0?me(r,e):t}function me(r,e){return new Promise(t=>{let s=r.id(),i=!1,n=()=>{},o=r.channel("presence-sessions",a=>{let h=a;h?.id===e&&(h.takenFrom===
s||h.asks&&!i&&h.asks>s?(n(),o?.close(),t(null)):h.asks&&i&&o?.post({id:e,takenFrom:h.asks}))});if(!o)return t(()=>{});n=r.timer(80,()=>{i=!0,t(()=>o.close())}),
o.post({id:e,asks:s})})}function D(r,e={}){return new x(r,e)}function pe(r){let e=r.storage.get("local","presence.user")??r.id();return r.storage.set("local","presence.user",e),e}var x=class{self;#e;#s;#n;#r;#t;#i;#o;#a=new Set;#h=null;#l=!1;#d=!1;#c=null;#f=!1;#u;#p=new Set;#m=new Map;#v={
state:new Set,error:new Set,typing:new Set};#g;constructor(e,t){[this.#e,this.#s]=[e,t];let s=t.user===null?null:String(t.user??pe(e));this.#n=new g(e,t.token,()=>this.#i.
settle()),this.#r=new v(e,t,this.#n,()=>this.#k());let i={user:s,session:t.session??"",topics:[...t.topics??[]],status:t.status??null,message:t.message??null,meta:t.
meta??null};this.#t=new y(e,t,i,this.#r,o=>this.#y(o)),this.#o=new O(e,()=>this.#i.settle(),()=>this.#E());let n={opened:()=>this.#_(),lost:o=>this.#A(o),windows:({
active_for:o=0,lease_for:a=0})=>{o>0&&(this.#t.windows.active_for=o),a>0&&(this.#t.windows.lease_for=a)}};this.#i=new _(e,this.#r,this.#n,this.#o,n,t.url??""),this.#u=
this.#T(),this.self={subscribe:o=>(this.#p.add(o),()=>this.#p.delete(o)),getSnapshot:()=>this.#u},this.#g=e.page.listen(o=>this.#R(o)),this.#t.wanted=t.autoEnter!==
!1,e.page.prerendering()||this.#b()}get user(){return this.#t.said.user??""}get session(){return this.#t.said.session}async#b(){if(this.#h||this.#d)return;let e=await H(
this.#e,this.#s.session);if(this.#d||this.#l||this.#h)return e.release();this.#h=e,this.#t.said={...this.#t.said,session:e.id},this.#t.resumeActivity(e.idleFor??
this.#t.idleFor()),this.#t.wanted&&this.#t.enter(),this.#S()}enter(){this.#d||(this.#t.wanted=!0,this.#h&&this.#t.enter(),this.#S())}leave({now:e=!1}={}){let t=this.#t.
leave(e);return this.#S(),t}destroy(){if(this.#d)return Promise.resolve("confirmed");this.#d=!0;let e=this.leave();this.#g(),this.#t.close(),this.#i.close();for(let t of this.#a)
t.close();return this.#a.clear(),this.#h?.release(),e}setTopics(e){this.#w({topics:[...e]})}setStatus(e,t){this.#w({status:e,message:t===void 0?this.#t.said.message:
t??""})}setMeta(e){this.#w({meta:e??{}})}#w(e){this.#t.say(e),this.#S()}setUser(e,t={}){let s=e===null?null:String(e);if(s!==null&&s===this.#t.said.user)return Promise.
resolve("confirmed");let i=this.#t.wanted,n=this.#t.leave(!0);this.#n.forget(),this.#o.forget(),this.#h?.release();let o=this.#s.session??this.#e.id();this.#h&&
(this.#h={id:o,idleFor:null,release:()=>{}});let a=[...t.topics??this.#t.said.topics];return this.#t.become({user:s,session:this.#h?o:"",topics:a,status:null,message:null,
meta:t.meta??null}),i&&this.enter(),this.#i.settle(),this.#S(),n}typing(e,t=!0){}watch(e,t,{whenHidden:s="pause"}={}){return this.#o.watch(e,{seen:t,streams:s===
"stream"})}watchUrl(e,t,s={}){let i=new k(this.#e,this.#r,e,t,s);return this.#a.add(i),()=>{i.close(),this.#a.delete(i)}}view(e){let t=JSON.stringify(e),s=this.#m.
get(t);return s||(s={subscribe:i=>this.#o.watch(e,{seen:()=>i(),streams:!1}),getSnapshot:()=>this.#o.view(e)},this.#m.set(t,s)),s}others(e){return[...this.#o.members(
{topic:e}).values()].filter(({user:t})=>t!==this.user)}on(e,t){let s=this.#v[e];return s.add(t),()=>s.delete(t)}#y(e){if(e&&e.status>0&&(this.#i.fed(),m(e)))for(let t of this.#a)
this.#e.page.hidden()||t.shown();this.#S()}#k(){this.#i.starving();for(let e of this.#a)e.starving()}#_(){this.#c=null,this.#f&&this.#t.reachable(),this.#f=!0,this.#S()}#A(e){
this.#c=e,this.#S()}#E(){return this.#c?"retrying":this.#o.isOpen?this.#o.serverIsStale?"stale":"live":this.#f||this.#i.isPaused?"stale":"connecting"}#P(){let e=this.#t;
return!e.wanted||e.stopped?"stopped":e.failures>0?"retrying":e.here?this.#i.isWanted?this.#E():"live":"connecting"}#T(){let{said:e,here:t}=this.#t,{topics:s,status:i,
meta:n}=e,o=this.#P(),a=this.#t.error??(this.#i.isWanted?this.#c:null);return{user:this.user,session:e.session,topics:s,status:i,message:e.message||null,meta:n,
state:o,here:t,error:a}}#S(){let[e,t]=[this.#u,this.#T()];if(!Object.keys(t).every(s=>t[s]===e[s])){this.#u=t,t.state!==e.state&&this.#o.restated();for(let s of[
...this.#p])c(this.#e,s);for(let s of[...this.#v.state])c(this.#e,s,t);if(t.error&&t.error!==e.error)for(let s of[...this.#v.error])c(this.#e,s,t.error)}}#R(e){
if(e==="activity")this.#t.activity();else if(e==="shown")this.#O();else if(e==="hidden"){this.#i.hidden();for(let t of this.#a)t.hidden()}else if(e==="gone")this.#N();else if(e===
"restored")this.#C();else if(e==="frozen")this.#M();else if(e==="resumed")this.#x();else if(e==="online"){this.#t.reachable(),this.#i.reconnect();for(let t of this.#a)
t.reconnect()}else e==="activated"&&(this.#O(),this.#b());this.#S()}#O(){this.#t.activity(),this.#i.shown();for(let e of this.#a)e.shown()}#M(){this.#i.away();for(let e of this.#a)
e.away()}#x(){this.#t.reachable(),this.#e.page.hidden()||this.#O()}#N(){this.#l=!0;let e=this.#h;this.#h=null,e&&this.#s.session===void 0&&V(this.#e,e.id,this.#t.
idleFor()),e?.release(),this.#t.away(),this.#M()}#C(){this.#l=!1,this.#e.page.hidden()||this.#O(),this.#b().finally(()=>{this.#s.session===void 0&&J(this.#e)})}};function Qe(r={}){return D(C(r.workerUrl),r)}function Xe(r){let e=Math.floor((Date.now()-(r.idle_ms??0))/1e3);return r.kind==="leave"?null:{uid:r.user,last_activity:e}}export{Xe as activeIdle,Qe as createPresence};
