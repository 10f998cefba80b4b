"use strict";(function(){
var D=JSON.parse(document.getElementById("d").textContent);
function $(s){return document.querySelector(s)}
function $$(s){return[].slice.call(document.querySelectorAll(s))}
var tt=$("#tt"),svg=$("#tl");
document.addEventListener("mousemove",function(e){
  var t=e.target.closest&&e.target.closest("[data-t]");
  if(!t){tt.hidden=true;return}
  tt.textContent=t.getAttribute("data-t");tt.hidden=false;
  tt.style.left=Math.max(4,Math.min(e.clientX+14,innerWidth-tt.offsetWidth-8))+"px";
  tt.style.top=Math.min(e.clientY+18,innerHeight-tt.offsetHeight-4)+"px"});
var X0=96,W=960,T=D.total,N=D.bins,a=0,b=T,line=null,down=null;
function xOf(t){return X0+(t-a)/(b-a)*W}
function place(e){var r=svg.getBoundingClientRect();return(e.clientX-r.left)*1056/r.width}
function timeAt(x){return a+(x-X0)/W*(b-a)}
function mark(){
  $$("#tl .hl").forEach(function(n){n.remove()});
  if(line===null)return;
  (D.lines[line]||[]).forEach(function(q){
    var x=Math.max(X0,xOf(q[0])),y=Math.min(X0+W,xOf(q[1]));
    if(y<=x)return;
    var r=document.createElementNS(svg.namespaceURI,"rect");
    r.setAttribute("class","hl");r.setAttribute("x",x);r.setAttribute("y",D.top);
    r.setAttribute("width",Math.max(1,y-x));r.setAttribute("height",D.height-D.top);svg.appendChild(r)})}
function draw(){
  $$("#tl svg.z").forEach(function(z){var v=z.getAttribute("viewBox").split(" ");
    z.setAttribute("viewBox",a/T*N+" 0 "+(b-a)/T*N+" "+v[3])});
  var names=$("#ph");if(names)names.style.display=a>0||b<T?"none":"";
  var step=Math.pow(10,Math.floor(Math.log10((b-a)/4)));
  [5,2].forEach(function(f){if((b-a)/(step*f)>=4&&(b-a)/step>10){step*=f}});
  var first=Math.ceil(a/step)*step;
  $$("#tl .ax").forEach(function(n,i){var t=first+i*step,ok=t<=b*1.0001;
    n.style.display=ok?"":"none";n.setAttribute("x",xOf(t));
    n.textContent=+t.toPrecision(6)+(i?"":" "+D.unit);
    var g=$$("#tl .gl")[i];g.style.display=ok?"":"none";g.setAttribute("x1",xOf(t));g.setAttribute("x2",xOf(t))});
  mark()}
if(svg){
  var hit=$("#hit"),cur=$("#cur"),brush=$("#brush");
  hit.addEventListener("mousemove",function(e){var x=place(e),t=timeAt(x),n="";
    cur.setAttribute("x1",x);cur.setAttribute("x2",x);cur.style.display="";
    for(var l in D.lines)D.lines[l].forEach(function(q){if(t>=q[0]&&t<q[1])n=D.names[l]});
    $("#now").textContent=t.toPrecision(5)+" "+D.unit+(n?", "+n:"");
    if(down!==null){brush.setAttribute("x",Math.min(x,down));brush.setAttribute("width",Math.abs(x-down))}});
  hit.addEventListener("mousedown",function(e){down=place(e);e.preventDefault()});
  addEventListener("mouseup",function(e){if(down===null)return;
    var x=Math.max(X0,Math.min(X0+W,place(e))),p=timeAt(Math.min(x,down)),q=timeAt(Math.max(x,down));
    down=null;brush.setAttribute("width",0);if(q-p>T/2000){a=p;b=q;draw()}});
  hit.addEventListener("dblclick",function(){a=0;b=T;draw()});
}
function pick(l,open){
  line=line===l&&!open?null:l;
  $$(".ln").forEach(function(n){var on=n.dataset.l===line;n.classList.toggle("on",on);
    n.setAttribute("aria-expanded",on);$$(".s"+n.dataset.l).forEach(function(s){s.hidden=!on})});
  if(svg)mark()}
function go(l){pick(l,true);var n=$('.ln[data-l="'+l+'"]');if(n)n.scrollIntoView({block:"center"})}
document.addEventListener("click",function(e){var n=e.target.closest(".ln,a[data-l]");if(!n)return;
  if(n.tagName==="A"){e.preventDefault();go(n.dataset.l)}else pick(n.dataset.l)});
document.addEventListener("keydown",function(e){
  if(e.key==="Enter"&&e.target.classList.contains("ln"))pick(e.target.dataset.l);
  if(e.key==="d"&&!e.ctrlKey&&!e.metaKey){var r=document.documentElement,
    dark=r.dataset.th?r.dataset.th==="d":matchMedia("(prefers-color-scheme: dark)").matches;
    r.dataset.th=dark?"l":"d"}});
if(/^#l\d+$/.test(location.hash))go(location.hash.slice(2));
})();
