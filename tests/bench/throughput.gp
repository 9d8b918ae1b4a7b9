# The README's picture. bench.py sets kind, output, folder and the names of the libraries.
if (kind eq "svg") set terminal svg size 900,460 dynamic font "sans,12" background "white"
if (kind eq "png") set terminal png size 900,460 font "sans,10" background "white"
set output output
set multiplot layout 1,2 title "AES-128-GCM, TLS 1.2, through secur32 in Wine 10, on one processor"
set logscale x 2
set logscale y 10
set xrange [48:22000]
set yrange [20:20000]
set xtics ("64 B" 64, "1 KiB" 1024, "4 KiB" 4096, "16 KiB" 16384)
set ylabel "MB/s"
set format y "%.0f"
set grid ytics lc rgb "#dddddd"
set key outside below maxrows 3 samplen 3
set style data linespoints
do for [what in "encrypt decrypt"] {
    set title (what eq "encrypt" ? "EncryptMessage" : "DecryptMessage")
    plot folder."/".what.".dat" using 1:2 lw 3 pt 7 lc rgb "#0060ad" title "ours, 64 bit", \
         "" using 1:4 lw 3 pt 7 dt 2 lc rgb "#0060ad" title "ours, 32 bit", \
         "" using 1:3 lw 2 pt 5 lc rgb "#dd4400" title "built-in, 64 bit", \
         "" using 1:5 lw 2 pt 5 dt 2 lc rgb "#dd4400" title "built-in, 32 bit", \
         "" using 1:6 lw 1 pt 6 lc rgb "#777777" title gnutls.", native", \
         "" using 1:7 lw 1 pt 4 lc rgb "#222222" title openssl.", native"
}
unset multiplot
