from services.gesture.service import main

main()
